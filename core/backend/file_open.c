#include "backend/file_open.h"

#include <errno.h>
#include <unistd.h>

#include "backend/beneath.h"

void mg_file_not_there(struct mg_errand *errand, const char *path)
{
    mg_errand_fail(errand, MG_STATUS, "%.200s: not there", path);
    errand->status = 404;
}

void mg_file_fail(struct mg_errand *errand, const char *path, int why)
{
    if (why == ENOENT || why == ENOTDIR || why == ENAMETOOLONG)
        mg_file_not_there(errand, path);
    else if (why == EXDEV || why == ELOOP)
        mg_errand_fail(errand, MG_FILE, "%.200s: leads out of its folder", path);
    else if (why == EMFILE || why == ENFILE) // as many are open as the process may have
        mg_errand_fail(errand, MG_BUSY, "too many files are open");
    else
        mg_errand_fail(errand, why == ENOMEM ? MG_NO_MEMORY : MG_FILE, "%.200s: %s", path,
                       strerrordesc_np(why));
}

int mg_file_open(struct mg_errand *errand, int root, const char *path, int flags, struct stat *stat)
{
    int fd = mg_beneath_open(root, path, flags);
    if (fd >= 0 && fstat(fd, stat) == 0)
        return fd;
    mg_file_fail(errand, path, errno);
    if (fd >= 0)
        close(fd);
    return -1;
}
