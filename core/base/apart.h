// What threads change all the time lies apart from what others read meanwhile: a processor that
// writes takes the whole cache line away from the rest.
#ifndef MG_BASE_APART_H
#define MG_BASE_APART_H

enum { MG_APART = 64 }; // bytes of a line, for _Alignas; on the heap, aligned_alloc

#endif
