/*
 * What a loss of power leaves of files written through tests/support/faulty_disk.h. A sync makes a file's writes durable, and its
 * name if it was new, and with that the removal of earlier names. All else waits: of what waits, each write is there, or not, or
 * some of its sectors are, and the name of a removed file may be back. Since any subset may be there, later writes land without
 * earlier ones: the disk reorders. Of one sector written twice, the older may be the one that stays.
 */
#ifndef TL_TESTS_LOST_POWER_H
#define TL_TESTS_LOST_POWER_H

#include "base/core/random.h"
#include "tests/support/faulty_disk.h"

#include <stdio.h>

enum { LOST_SECTOR = 512, LOST_MAX_FILES = 64 };

/* How the writes that waited fare. */
typedef enum lost_fate { LOST_ALL, LOST_SOME, LOST_TORN, LOST_ALL_BUT_LAST, LOST_LAST_TORN, LOST_FATES } lost_fate;

typedef struct lost_file {
    const char *name; /* borrowed from the log */
    uint8_t *bytes;   /* what is durable */
    size_t size, capacity;
    const disk_call **waiting;
    size_t waiting_count, waiting_capacity;
    bool is_removed;     /* its name went, or is about to */
    bool name_is_synced; /* its making, or, once it is removed, its removal */
} lost_file;

static inline void lost_resize(lost_file *file, size_t size)
{
    tl_error error;
    if (!tl_memory_reserve(&file->bytes, &file->capacity, size, 1, &error))
        raise(SIGABRT);
    if (size > file->size)
        memset(file->bytes + file->size, 0, size - file->size);
    file->size = size;
}

static inline void lost_put(lost_file *file, const disk_call *call, size_t first, size_t count)
{
    if (count == 0)
        return;
    if (call->offset + first + count > file->size)
        lost_resize(file, call->offset + first + count);
    memcpy(file->bytes + call->offset + first, call->bytes + first, count);
}

/* Whole, or of each sector with even chances. */
static inline void lost_apply(lost_file *file, const disk_call *call, tl_random *tearing)
{
    if (call->kind == DISK_TRUNCATE) {
        lost_resize(file, call->size);
        return;
    }
    for (size_t first = 0, count; first < call->size; first += count) {
        size_t in_sector = LOST_SECTOR - (size_t)((call->offset + first) % LOST_SECTOR);
        count = call->size - first < in_sector ? call->size - first : in_sector;
        if (tearing == NULL || tl_random_below(tearing, 2) == 0)
            lost_put(file, call, first, count);
    }
}

static inline void lost_settle(lost_file *file)
{
    for (size_t i = 0; i < file->waiting_count; i++)
        lost_apply(file, file->waiting[i], NULL);
    file->waiting_count = 0;
}

static inline void lost_fare(lost_file *file, lost_fate fate, tl_random *random)
{
    for (size_t i = 0; i < file->waiting_count; i++) {
        bool is_last = i + 1 == file->waiting_count, is_torn = false, is_there = false;
        switch (fate) {
        case LOST_SOME:
            is_there = tl_random_below(random, 2) == 0;
            break;
        case LOST_TORN:
            is_there = tl_random_below(random, 3) != 0;
            is_torn = tl_random_below(random, 2) == 0;
            break;
        case LOST_ALL_BUT_LAST:
            is_there = is_last;
            break;
        case LOST_LAST_TORN:
            is_there = true;
            is_torn = is_last;
            break;
        case LOST_ALL:
        case LOST_FATES:
            break;
        }
        if (is_there)
            lost_apply(file, file->waiting[i], is_torn ? random : NULL);
    }
    file->waiting_count = 0;
}

typedef struct lost_files {
    lost_file files[LOST_MAX_FILES];
    size_t count;
} lost_files;

static inline lost_file *lost_find(lost_files *all, const char *name)
{
    for (size_t i = all->count; i-- > 0;)
        if (!all->files[i].is_removed && strcmp(all->files[i].name, name) == 0)
            return &all->files[i];
    return NULL;
}

static inline lost_file *lost_make(lost_files *all, const char *name)
{
    if (all->count == LOST_MAX_FILES)
        raise(SIGABRT);
    all->files[all->count] = (lost_file){.name = name};
    return &all->files[all->count++];
}

static inline void lost_play(lost_files *all, const disk_call *call)
{
    lost_file *file = lost_find(all, call->name);
    if (file == NULL && call->kind != DISK_CREATE) { /* it was there, and empty, when the record began */
        file = lost_make(all, call->name);
        file->name_is_synced = true;
    }
    switch (call->kind) {
    case DISK_CREATE:
        lost_make(all, call->name);
        return;
    case DISK_DELETE:
        file->is_removed = true;
        file->name_is_synced = !file->name_is_synced; /* a name that was never synced need not be removed */
        return;
    case DISK_SYNC:
        lost_settle(file);
        for (size_t i = 0; i < all->count && !file->name_is_synced; i++)
            if (all->files[i].is_removed)
                all->files[i].name_is_synced = true;
        file->name_is_synced = true;
        return;
    case DISK_WRITE:
    case DISK_TRUNCATE:
        if (!tl_memory_reserve(&file->waiting, &file->waiting_capacity, file->waiting_count + 1, sizeof *file->waiting, NULL))
            raise(SIGABRT);
        file->waiting[file->waiting_count++] = call;
    }
}

static inline bool lost_write(const lost_file *file, const char *name)
{
    FILE *out = fopen(name, "wb");
    bool ok = out != NULL && (file->size == 0 || fwrite(file->bytes, 1, file->size, out) == file->size);
    return out != NULL && fclose(out) == 0 && ok;
}

/*
 * Writes the files as they are after the power went between call `moment` of the log and the next. path: how the log's database
 * was opened, whose bytes were start [size] then; into: the name of the database that is left. False: it could not be written.
 */
static inline bool lost_power(const char *path, const uint8_t *start, size_t size, size_t moment, lost_fate fate,
                              tl_random *random, const char *into)
{
    lost_files all = {.count = 0};
    bool ok = true;
    lost_file *main_file = lost_make(&all, path);
    lost_resize(main_file, size);
    memcpy(main_file->bytes, start, size);
    main_file->name_is_synced = true;
    for (size_t i = 0; i < moment; i++)
        lost_play(&all, &faulty_disk.log[i]);
    for (size_t i = 0; ok && i < all.count; i++) {
        lost_file *file = &all.files[i];
        char name[512];
        /* A name that waits is there or not; of two files with one name, the later is written over the earlier. */
        bool is_there = file->name_is_synced ? !file->is_removed : tl_random_below(random, 2) == 0;
        lost_fare(file, fate, random);
        snprintf(name, sizeof name, "%s%s", into, file->name + strlen(path));
        ok = !is_there || lost_write(file, name);
    }
    for (size_t i = 0; i < all.count; i++) {
        tl_memory_free(all.files[i].bytes);
        tl_memory_free(all.files[i].waiting);
    }
    return ok;
}

#endif
