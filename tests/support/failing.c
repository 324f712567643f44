// Loaded before the gateway's libraries (LD_PRELOAD): makes one allocation of its own code fail,
// that of libraries never; or the making of threads. A test says which by the file that MG_FAILING
// names: the numbers below.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct control {
    int64_t left;   // the allocation that makes it 0 fails; 0 or below: none does
    int64_t seen;   // allocations so far
    int64_t failed; // of them, those that were made to fail
    int64_t thread; // the thread that makes it 0 cannot be made; 0: each can, below: none can
};

static struct control *control;
static uintptr_t from, to; // the code of the executable itself

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static int find_code(struct dl_phdr_info *info, size_t size, void *owner)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X)) {
            from = info->dlpi_addr + part->p_vaddr;
            to = from + part->p_memsz;
        }
    }
    return 1; // the first is the executable
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("MG_FAILING");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    dl_iterate_phdr(find_code, NULL);
    if (map != MAP_FAILED)
        control = map;
}

static bool fails(const void *caller)
{
    uintptr_t at = (uintptr_t)caller;
    if (!control || at < from || at >= to)
        return false;
    __atomic_add_fetch(&control->seen, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&control->left, __ATOMIC_RELAXED) <= 0 ||
        __atomic_sub_fetch(&control->left, 1, __ATOMIC_RELAXED) != 0)
        return false;
    __atomic_add_fetch(&control->failed, 1, __ATOMIC_RELAXED);
    return true;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *owner)
{
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    int64_t at = control ? __atomic_load_n(&control->thread, __ATOMIC_RELAXED) : 0;
    if (at < 0 || (at > 0 && __atomic_sub_fetch(&control->thread, 1, __ATOMIC_RELAXED) == 0))
        return EAGAIN;
    return create(thread, attributes, run, owner);
}
