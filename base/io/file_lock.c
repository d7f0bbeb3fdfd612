#include "base/io/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool tl_file_lock(const char *path, int *file, tl_error *err)
{
    *file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (*file < 0)
        return tl_fail_errno(err, errno, "cannot open '%s'", path);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(*file, F_SETLK, &whole) == 0)
        return true;
    bool is_taken = errno == EACCES || errno == EAGAIN;
    if (!is_taken)
        tl_fail_errno(err, errno, "cannot lock '%s'", path);
    close(*file);
    *file = -1;
    return is_taken;
}

void tl_file_unlock(int file)
{
    if (file >= 0)
        close(file);
}
