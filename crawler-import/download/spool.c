/*
 * Owns the file of a spool. A record is a header of HEADER_SIZE bytes, little-endian, and its parts one after another:
 *
 *     0  u32 magic            4  u32 index            8  u32[8] sizes of the parts
 *     40 u32 flags, u32 0     48 u64 hash of the URL  56 u64 hash of the picture
 *     64 u64 XXH3 of the header before it, with the XXH3 of the parts in its place
 *
 * Records are appended by one write under a mutex, so that only the last one can be torn. Nothing is synced: what a power cut
 * takes away fails its checksum and is fetched again.
 */
#include "crawler-import/download/spool.h"

#include "base/core/hash.h"
#include "base/core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SIZES = 8, FLAGS = 40, URL_HASH = 48, PICTURE_HASH = 56, SEAL = 64, HEADER_SIZE = 72 };
enum { MAX_RECORD_SIZE = 1 << 30, IS_WORTH_RETRY = 1, HAS_TEXT = 2 };

#define SPOOL_MAGIC 0x70536c54u /* "TlSp" */

struct tl_spool {
    char *path;
    int file;
    pthread_mutex_t mutex;
    uint64_t size;    /* of whole records */
    uint64_t *places; /* [row_count] where a row's record begins, plus 1; 0: it has none */
    size_t row_count;
    size_t record_count;
};

static void put_32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static void put_64(unsigned char *at, uint64_t value)
{
    put_32(at, (uint32_t)value);
    put_32(at + 4, (uint32_t)(value >> 32));
}

static uint32_t get_32(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t get_64(const unsigned char *at)
{
    return get_32(at) | (uint64_t)get_32(at + 4) << 32;
}

/* The hash of the header, given that of the parts. */
static uint64_t seal(const unsigned char *header, uint64_t parts_hash)
{
    unsigned char sealed[HEADER_SIZE];
    memcpy(sealed, header, HEADER_SIZE);
    put_64(sealed + SEAL, parts_hash);
    return tl_hash64(sealed, HEADER_SIZE);
}

/* Of the parts as they lie one after another: the hash of their hashes, since in a record to be added they lie apart. */
static uint64_t hash_parts(const tl_slice *parts)
{
    unsigned char hashes[TL_SPOOL_PARTS * 8];
    for (size_t i = 0; i < TL_SPOOL_PARTS; i++)
        put_64(hashes + 8 * i, tl_hash64(parts[i].data, parts[i].size));
    return tl_hash64(hashes, sizeof hashes);
}

static bool fail_io(const tl_spool *spool, int failure, const char *verb, tl_error *err)
{
    return tl_fail_errno(err, failure, "cannot %s '%s'", verb, spool->path);
}

/* Reads size bytes; *whole is false when the file ends before. */
static bool read_at(tl_spool *spool, void *bytes, size_t size, uint64_t offset, bool *whole, tl_error *err)
{
    char *to = bytes;
    *whole = false;
    while (size != 0) {
        ssize_t got = pread(spool->file, to, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_io(spool, errno, "read", err);
        if (got == 0)
            return true;
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    *whole = true;
    return true;
}

static bool read_record(tl_spool *spool, uint64_t offset, tl_string *buffer, tl_spool_record *out, uint64_t *end, bool *whole,
                        tl_error *err)
{
    unsigned char header[HEADER_SIZE];
    if (!read_at(spool, header, sizeof header, offset, whole, err))
        return false;
    if (!*whole)
        return true;
    uint64_t size = 0;
    for (size_t i = 0; i < TL_SPOOL_PARTS; i++)
        size += get_32(header + SIZES + 4 * i);
    out->index = get_32(header + 4);
    struct stat status;
    if (fstat(spool->file, &status) != 0)
        return fail_io(spool, errno, "look at", err);
    *whole = get_32(header) == SPOOL_MAGIC && out->index < spool->row_count && size <= MAX_RECORD_SIZE &&
             size + HEADER_SIZE <= (uint64_t)status.st_size - offset;
    if (!*whole)
        return true;
    tl_string_reset(buffer);
    if (!tl_string_append_room(buffer, (size_t)size, err))
        return false;
    if (!read_at(spool, buffer->data, (size_t)size, offset + HEADER_SIZE, whole, err))
        return false;
    size_t at = 0;
    for (size_t i = 0; i < TL_SPOOL_PARTS; i++) {
        out->parts[i] = (tl_slice){buffer->data + at, get_32(header + SIZES + 4 * i)};
        at += out->parts[i].size;
    }
    uint32_t flags = get_32(header + FLAGS);
    out->is_worth_retry = (flags & IS_WORTH_RETRY) != 0;
    out->has_text = (flags & HAS_TEXT) != 0;
    out->url_hash = get_64(header + URL_HASH);
    out->picture_hash = get_64(header + PICTURE_HASH);
    *whole = *whole && seal(header, hash_parts(out->parts)) == get_64(header + SEAL);
    *end = offset + HEADER_SIZE + size;
    return true;
}

/* Finds the records that are whole and cuts off what follows them. */
static bool scan(tl_spool *spool, tl_error *err)
{
    tl_string buffer;
    tl_string_init(&buffer, MAX_RECORD_SIZE);
    bool whole = true;
    bool ok = true;
    while (ok && whole) {
        tl_spool_record record;
        uint64_t end = 0;
        ok = read_record(spool, spool->size, &buffer, &record, &end, &whole, err);
        if (!ok || !whole)
            break;
        if (spool->places[record.index] == 0) {
            spool->places[record.index] = spool->size + 1;
            spool->record_count++;
        }
        spool->size = end;
    }
    tl_string_clear(&buffer);
    return ok && (ftruncate(spool->file, (off_t)spool->size) == 0 || fail_io(spool, errno, "shorten", err));
}

bool tl_spool_open(const char *path, size_t row_count, tl_spool **out, tl_error *err)
{
    tl_spool *spool = tl_memory_allocate(1, sizeof *spool, err);
    if (spool == NULL)
        return false;
    spool->file = -1;
    spool->row_count = row_count;
    pthread_mutex_init(&spool->mutex, NULL);
    spool->path = tl_memory_copy_text(path, strlen(path), err);
    spool->places = spool->path != NULL ? tl_memory_allocate(row_count, sizeof *spool->places, err) : NULL;
    bool ok = spool->places != NULL;
    if (ok) {
        spool->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        ok = spool->file >= 0 ? scan(spool, err) : tl_fail_errno(err, errno, "cannot open '%s'", path);
    }
    if (!ok) {
        tl_spool_close(spool);
        return false;
    }
    *out = spool;
    return true;
}

bool tl_spool_has(tl_spool *spool, uint32_t index)
{
    pthread_mutex_lock(&spool->mutex);
    bool has = spool->places[index] != 0;
    pthread_mutex_unlock(&spool->mutex);
    return has;
}

size_t tl_spool_count(tl_spool *spool)
{
    pthread_mutex_lock(&spool->mutex);
    size_t count = spool->record_count;
    pthread_mutex_unlock(&spool->mutex);
    return count;
}

/* Writes all of the pieces behind the whole records, over what an add that failed may have left there. */
static bool append(tl_spool *spool, struct iovec *pieces, size_t count, tl_error *err)
{
    if (lseek(spool->file, (off_t)spool->size, SEEK_SET) < 0)
        return fail_io(spool, errno, "write", err);
    uint64_t size = 0;
    while (count != 0) {
        ssize_t written = writev(spool->file, pieces, (int)count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail_io(spool, errno, "write", err);
        size += (uint64_t)written;
        size_t taken = (size_t)written;
        for (; count != 0 && taken >= pieces->iov_len; count--, pieces++)
            taken -= pieces->iov_len;
        if (count != 0) {
            pieces->iov_base = (char *)pieces->iov_base + taken;
            pieces->iov_len -= taken;
        }
    }
    spool->size += size;
    return true;
}

bool tl_spool_add(tl_spool *spool, const tl_spool_record *record, tl_error *err)
{
    TL_ASSERT(record->index < spool->row_count);
    unsigned char header[HEADER_SIZE] = {0};
    struct iovec pieces[1 + TL_SPOOL_PARTS] = {{header, sizeof header}};
    size_t count = 1;
    size_t size = sizeof header;
    put_32(header, SPOOL_MAGIC);
    put_32(header + 4, record->index);
    for (size_t i = 0; i < TL_SPOOL_PARTS; i++) {
        put_32(header + SIZES + 4 * i, (uint32_t)record->parts[i].size);
        size += record->parts[i].size;
        if (record->parts[i].size != 0)
            pieces[count++] = (struct iovec){(void *)(uintptr_t)record->parts[i].data, record->parts[i].size};
    }
    if (size > MAX_RECORD_SIZE)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a record of at most %d bytes, found %zu", spool->path,
                       (int)MAX_RECORD_SIZE, size);
    put_32(header + FLAGS, (record->is_worth_retry ? IS_WORTH_RETRY : 0u) | (record->has_text ? HAS_TEXT : 0u));
    put_64(header + URL_HASH, record->url_hash);
    put_64(header + PICTURE_HASH, record->picture_hash);
    put_64(header + SEAL, seal(header, hash_parts(record->parts)));
    pthread_mutex_lock(&spool->mutex);
    uint64_t place = spool->size;
    bool ok = append(spool, pieces, count, err);
    if (ok && spool->places[record->index] == 0) {
        spool->places[record->index] = place + 1;
        spool->record_count++;
    }
    pthread_mutex_unlock(&spool->mutex);
    return ok;
}

bool tl_spool_read(tl_spool *spool, uint32_t index, tl_string *buffer, tl_spool_record *out, tl_error *err)
{
    pthread_mutex_lock(&spool->mutex);
    uint64_t place = spool->places[index];
    pthread_mutex_unlock(&spool->mutex);
    TL_ASSERT(place != 0);
    uint64_t end = 0;
    bool whole = false;
    return read_record(spool, place - 1, buffer, out, &end, &whole, err) &&
           (whole || tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected the record of row %u, found damage", spool->path, index));
}

void tl_spool_close(tl_spool *spool)
{
    if (spool == NULL)
        return;
    if (spool->file >= 0)
        close(spool->file);
    pthread_mutex_destroy(&spool->mutex);
    tl_memory_free(spool->places);
    tl_memory_free(spool->path);
    tl_memory_free(spool);
}
