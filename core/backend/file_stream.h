// A file on its way into a call's sink, as HTTP sends files (RFC 9110 §8, §13, §14): its head has
// Content-Type, Content-Length, ETag, Last-Modified and Accept-Ranges, its status is 200, 206 or
// 304. Without a head the call fails as MG_STATUS with 404, with 412 (another version is wanted),
// or with 416 and the field that says why. One piece is read at a time, by a job of its own, and no
// piece is read ahead of a sink that has enough: a slow client costs a descriptor, but neither a
// thread nor memory.
//
// What is no regular file counts as not there. Never are more bytes sent than were announced; a
// file that has become shorter fails, with its head and a part of it gone out already.
#ifndef MG_BACKEND_FILE_STREAM_H
#define MG_BACKEND_FILE_STREAM_H

#include "backend/errand.h"

enum { MG_FILE_PIECE = 128 * 1024 }; // bytes read at a time

// Starts call->file, a READ with a good path and a sink. `root`: the folder, open as long as the
// backend is.
void mg_file_stream_start(struct mg_errands *errands, struct mg_call *call, int root,
                          struct mg_pool *pool);

#endif
