#include "base/io/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool tl_mapping_open(const char *path, tl_mapping *out, tl_error *err)
{
    *out = (tl_mapping){{NULL, 0}};
    /* O_NONBLOCK: a pipe under this name is refused below rather than waited for. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return tl_fail_errno(err, errno, "cannot open '%s'", path);
    bool ok = false;
    struct stat status;
    if (fstat(file, &status) != 0) {
        tl_fail_errno(err, errno, "cannot look at '%s'", path);
    } else if (!S_ISREG(status.st_mode)) {
        tl_fail(err, TL_ERROR_INVALID, "'%s': expected a file, found a folder or device", path);
    } else if (status.st_size == 0) {
        ok = true;
    } else {
        void *address = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
        ok = address != MAP_FAILED;
        if (ok)
            out->bytes = (tl_slice){address, (size_t)status.st_size};
        else
            tl_fail_errno(err, errno, "cannot map '%s'", path);
    }
    close(file);
    return ok;
}

void tl_mapping_close(tl_mapping *mapping)
{
    if (mapping->bytes.size != 0)
        munmap((void *)mapping->bytes.data, mapping->bytes.size);
    *mapping = (tl_mapping){{NULL, 0}};
}

void tl_mapping_release(const tl_mapping *mapping)
{
    if (mapping->bytes.size != 0)
        (void)madvise((void *)mapping->bytes.data, mapping->bytes.size, MADV_DONTNEED);
}
