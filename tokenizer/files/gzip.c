/* Inflates one gzip member through zlib, block by block, so that a small file cannot ask for much memory. */
#include "tokenizer/files/gzip.h"

#include <limits.h>
#include <zlib.h>

enum { WINDOW_BITS = 15 + 16 /* 16: expects the gzip header */, BLOCK_SIZE = 16384 };

bool tl_gzip__inflate(tl_slice bytes, tl_string *out, tl_error *err)
{
    bool ok = false;
    unsigned char block[BLOCK_SIZE];
    z_stream stream = {0};
    int status = Z_OK;

    if (bytes.size > UINT_MAX)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a small gzip file, found %zu bytes", bytes.size);
    if (inflateInit2(&stream, WINDOW_BITS) != Z_OK)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory to inflate");
    stream.next_in = (unsigned char *)(void *)bytes.data;
    stream.avail_in = (unsigned)bytes.size;
    while (status != Z_STREAM_END) {
        stream.next_out = block;
        stream.avail_out = BLOCK_SIZE;
        status = inflate(&stream, Z_NO_FLUSH);
        if (status != Z_OK && status != Z_STREAM_END) {
            tl_fail(err, status == Z_MEM_ERROR ? TL_ERROR_NO_MEMORY : TL_ERROR_CORRUPT,
                    "expected gzip data, found %s at byte %lu", status == Z_BUF_ERROR ? "their end" : "others", stream.total_in);
            goto done;
        }
        if (!tl_string_append(out, (const char *)block, BLOCK_SIZE - stream.avail_out, err))
            goto done;
    }
    if (stream.avail_in != 0) {
        tl_fail(err, TL_ERROR_CORRUPT, "expected the end of the gzip data at byte %lu, found %u bytes more", stream.total_in,
                stream.avail_in);
        goto done;
    }
    ok = true;
done:
    inflateEnd(&stream);
    return ok;
}
