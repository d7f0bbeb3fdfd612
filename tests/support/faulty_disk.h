/*
 * A disk that goes wrong, as a sqlite3_vfs over the system's. All its calls that change something (write, truncate, sync, delete,
 * making a file) are numbered from 1; at one of them the process can be killed, before it or in the middle of it, or the disk can
 * be full from it on, or fail its syncs. With records the calls are kept, and any moment's loss of power can be played on them
 * (tests/support/lost_power.h). Memory shared with a database's other users (WAL-index) is no disk and is not counted.
 *
 * One test program, one disk: state is static. Connections of several threads may use it.
 */
#ifndef TL_TESTS_FAULTY_DISK_H
#define TL_TESTS_FAULTY_DISK_H

#include "base/core/memory.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef enum disk_call_kind { DISK_WRITE, DISK_TRUNCATE, DISK_SYNC, DISK_CREATE, DISK_DELETE } disk_call_kind;

typedef struct disk_call {
    disk_call_kind kind;
    char *name; /* of a file that has one; NULL: temporary */
    uint8_t *bytes;
    size_t size; /* written; truncated: what is left */
    uint64_t offset;
} disk_call;

typedef enum disk_fault { DISK_SOUND, DISK_FULL, DISK_SYNC_FAILS } disk_fault;

static struct {
    sqlite3_vfs vfs, *below;
    pthread_mutex_t lock;
    uint64_t calls;       /* so far */
    uint64_t kill_at;     /* 0: never */
    bool kills_in_middle; /* half of that write reaches the file */
    disk_fault fault;
    uint64_t fails_at; /* and from then on */
    uint64_t refused;  /* calls that failed for it */
    bool records;
    disk_call *log;
    size_t log_count, log_capacity;
} faulty_disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

typedef struct disk_file {
    sqlite3_file base;
    const char *name; /* lives as long as the file, as SQLite promises */
    sqlite3_file *below;
} disk_file;

static inline void disk_keep(disk_call call, const void *bytes)
{
    if (!faulty_disk.records || call.name == NULL)
        return;
    call.name = tl_memory_copy_text(call.name, strlen(call.name), NULL);
    if (bytes != NULL && call.size != 0) {
        call.bytes = tl_memory_allocate(call.size, 1, NULL);
        memcpy(call.bytes, bytes, call.size);
    }
    if (!tl_memory_reserve(&faulty_disk.log, &faulty_disk.log_capacity, faulty_disk.log_count + 1, sizeof *faulty_disk.log, NULL))
        raise(SIGABRT);
    faulty_disk.log[faulty_disk.log_count++] = call;
}

/* Counts the call. True: the disk does it; false: it must fail. *dies: it is the last one, and so far only begun. */
static inline bool disk_begin(const disk_call *call, const void *bytes, bool *dies)
{
    pthread_mutex_lock(&faulty_disk.lock);
    uint64_t number = ++faulty_disk.calls;
    bool is_late = faulty_disk.fails_at != 0 && number >= faulty_disk.fails_at;
    bool fails = is_late && ((faulty_disk.fault == DISK_FULL && (call->kind == DISK_WRITE || call->kind == DISK_CREATE)) ||
                             (faulty_disk.fault == DISK_SYNC_FAILS && call->kind == DISK_SYNC));
    *dies = faulty_disk.kill_at != 0 && number == faulty_disk.kill_at;
    if (*dies && !faulty_disk.kills_in_middle)
        raise(SIGKILL);
    faulty_disk.refused += fails;
    if (!fails)
        disk_keep(*call, bytes);
    pthread_mutex_unlock(&faulty_disk.lock);
    return !fails;
}

static inline void disk_end(bool dies)
{
    if (dies)
        raise(SIGKILL);
}

static inline sqlite3_file *disk_below(sqlite3_file *file)
{
    return ((disk_file *)file)->below;
}

static inline int disk_close(sqlite3_file *file)
{
    sqlite3_file *below = disk_below(file);
    int code = below->pMethods->xClose(below);
    sqlite3_free(below);
    return code;
}

static inline int disk_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 offset)
{
    return disk_below(file)->pMethods->xRead(disk_below(file), bytes, size, offset);
}

static inline int disk_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
    bool dies;
    disk_call call = {DISK_WRITE, (char *)(uintptr_t)((disk_file *)file)->name, NULL, (size_t)size, (uint64_t)offset};
    if (!disk_begin(&call, bytes, &dies))
        return SQLITE_FULL;
    int code = disk_below(file)->pMethods->xWrite(disk_below(file), bytes, dies ? size / 2 : size, offset);
    disk_end(dies);
    return code;
}

static inline int disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    bool dies;
    disk_call call = {DISK_TRUNCATE, (char *)(uintptr_t)((disk_file *)file)->name, NULL, (size_t)size, 0};
    if (!disk_begin(&call, NULL, &dies))
        return SQLITE_IOERR_TRUNCATE;
    int code = disk_below(file)->pMethods->xTruncate(disk_below(file), size);
    disk_end(dies);
    return code;
}

static inline int disk_sync(sqlite3_file *file, int flags)
{
    bool dies;
    disk_call call = {.kind = DISK_SYNC, .name = (char *)(uintptr_t)((disk_file *)file)->name};
    if (!disk_begin(&call, NULL, &dies))
        return SQLITE_IOERR_FSYNC;
    disk_end(dies);
    return disk_below(file)->pMethods->xSync(disk_below(file), flags);
}

static inline int disk_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return disk_below(file)->pMethods->xFileSize(disk_below(file), size);
}

static inline int disk_lock(sqlite3_file *file, int lock)
{
    return disk_below(file)->pMethods->xLock(disk_below(file), lock);
}

static inline int disk_unlock(sqlite3_file *file, int lock)
{
    return disk_below(file)->pMethods->xUnlock(disk_below(file), lock);
}

static inline int disk_check_lock(sqlite3_file *file, int *is_reserved)
{
    return disk_below(file)->pMethods->xCheckReservedLock(disk_below(file), is_reserved);
}

/* A hint of the size to come would make the file longer behind the log's back. */
static inline int disk_control(sqlite3_file *file, int what, void *argument)
{
    return what == SQLITE_FCNTL_SIZE_HINT || what == SQLITE_FCNTL_CHUNK_SIZE
               ? SQLITE_OK
               : disk_below(file)->pMethods->xFileControl(disk_below(file), what, argument);
}

static inline int disk_sector(sqlite3_file *file)
{
    return disk_below(file)->pMethods->xSectorSize(disk_below(file));
}

static inline int disk_traits(sqlite3_file *file)
{
    return disk_below(file)->pMethods->xDeviceCharacteristics(disk_below(file));
}

static inline int disk_map(sqlite3_file *file, int region, int size, int extends, void volatile **out)
{
    return disk_below(file)->pMethods->xShmMap(disk_below(file), region, size, extends, out);
}

static inline int disk_lock_map(sqlite3_file *file, int offset, int count, int flags)
{
    return disk_below(file)->pMethods->xShmLock(disk_below(file), offset, count, flags);
}

static inline void disk_barrier(sqlite3_file *file)
{
    disk_below(file)->pMethods->xShmBarrier(disk_below(file));
}

static inline int disk_unmap(sqlite3_file *file, int deletes)
{
    return disk_below(file)->pMethods->xShmUnmap(disk_below(file), deletes);
}

static inline int disk_fetch(sqlite3_file *file, sqlite3_int64 offset, int size, void **out)
{
    return disk_below(file)->pMethods->xFetch(disk_below(file), offset, size, out);
}

static inline int disk_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page)
{
    return disk_below(file)->pMethods->xUnfetch(disk_below(file), offset, page);
}

static const sqlite3_io_methods disk_methods = {
    .iVersion = 3,
    .xClose = disk_close,
    .xRead = disk_read,
    .xWrite = disk_write,
    .xTruncate = disk_truncate,
    .xSync = disk_sync,
    .xFileSize = disk_size,
    .xLock = disk_lock,
    .xUnlock = disk_unlock,
    .xCheckReservedLock = disk_check_lock,
    .xFileControl = disk_control,
    .xSectorSize = disk_sector,
    .xDeviceCharacteristics = disk_traits,
    .xShmMap = disk_map,
    .xShmLock = disk_lock_map,
    .xShmBarrier = disk_barrier,
    .xShmUnmap = disk_unmap,
    .xFetch = disk_fetch,
    .xUnfetch = disk_unfetch,
};

static inline int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_out)
{
    (void)vfs;
    disk_file *out = (disk_file *)file;
    int is_there = 1, code;
    bool dies = false;
    disk_call call = {.kind = DISK_CREATE, .name = (char *)(uintptr_t)name};
    *out = (disk_file){.name = name};
    if (name != NULL && (flags & SQLITE_OPEN_CREATE) != 0)
        faulty_disk.below->xAccess(faulty_disk.below, name, SQLITE_ACCESS_EXISTS, &is_there);
    if (!is_there && !disk_begin(&call, NULL, &dies))
        return SQLITE_FULL;
    disk_end(dies);
    out->below = sqlite3_malloc(faulty_disk.below->szOsFile);
    if (out->below == NULL)
        return SQLITE_NOMEM;
    memset(out->below, 0, (size_t)faulty_disk.below->szOsFile);
    code = faulty_disk.below->xOpen(faulty_disk.below, name, out->below, flags, flags_out);
    if (out->below->pMethods != NULL)
        out->base.pMethods = &disk_methods;
    else
        sqlite3_free(out->below);
    return code;
}

static inline int disk_delete(sqlite3_vfs *vfs, const char *name, int syncs_folder)
{
    (void)vfs;
    bool dies;
    disk_call call = {.kind = DISK_DELETE, .name = (char *)(uintptr_t)name};
    if (!disk_begin(&call, NULL, &dies))
        return SQLITE_IOERR_DELETE;
    disk_end(dies);
    return faulty_disk.below->xDelete(faulty_disk.below, name, syncs_folder);
}

/* Every connection opened from now on is on this disk. */
static inline void faulty_disk_install(void)
{
    faulty_disk.below = sqlite3_vfs_find(NULL);
    faulty_disk.vfs = *faulty_disk.below;
    faulty_disk.vfs.zName = "faulty disk";
    faulty_disk.vfs.szOsFile = (int)sizeof(disk_file);
    faulty_disk.vfs.xOpen = disk_open;
    faulty_disk.vfs.xDelete = disk_delete;
    sqlite3_vfs_register(&faulty_disk.vfs, 1);
}

/* Sound again, nothing counted, nothing kept. */
static inline void faulty_disk_reset(void)
{
    for (size_t i = 0; i < faulty_disk.log_count; i++) {
        tl_memory_free(faulty_disk.log[i].name);
        tl_memory_free(faulty_disk.log[i].bytes);
    }
    tl_memory_free(faulty_disk.log);
    faulty_disk.log = NULL;
    faulty_disk.log_count = faulty_disk.log_capacity = 0;
    faulty_disk.calls = faulty_disk.kill_at = faulty_disk.fails_at = faulty_disk.refused = 0;
    faulty_disk.kills_in_middle = faulty_disk.records = false;
    faulty_disk.fault = DISK_SOUND;
}

#endif
