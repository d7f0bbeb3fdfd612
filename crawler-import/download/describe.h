/* The metadata of a row of a list, with img2dataset's members and ours. */
#ifndef TL_CRAWLER_IMPORT_DOWNLOAD_DESCRIBE_H
#define TL_CRAWLER_IMPORT_DOWNLOAD_DESCRIBE_H

#include "crawler-import/download/picture_change.h"

/* What img2dataset calls the outcome of a row, and one word more. */
#define TL_STATUS_GOOD "success"
#define TL_STATUS_NOT_FETCHED "failed_to_download"
#define TL_STATUS_NOT_TAKEN "failed_to_resize" /* the bytes came, but they are no picture that is wanted */
#define TL_STATUS_DROPPED "dropped"            /* a rule about rows; nothing was asked of a server */

typedef struct tl_described_row {
    const tl_list_row *row;
    const char *key;
    const char *split;                 /* or NULL */
    const char *status, *reason;       /* reason NULL: good */
    const tl_changed_picture *picture; /* of a good row, else NULL */
    const char *sha256;                /* of the bytes that came, hex; of a good row */
    bool without_exif;
} tl_described_row;

/* Empties out and writes one compact JSON object. out had tl_sample_json_make_room. */
bool tl_describe_row(const tl_described_row *described, tl_string *out, tl_error *err) TL_MUST_USE;
/* KEY of a row: its shard's number and its place in it, in as many digits as img2dataset gives them. */
void tl_row_key(uint64_t shard, uint32_t index, size_t rows_per_shard, char key[48]);
/* The place again; false for a key that is none of this shard's. */
bool tl_row_key_parse(const char *key, uint64_t shard, size_t rows_per_shard, uint32_t *index);

#endif
