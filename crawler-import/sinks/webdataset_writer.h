/* Shards 00000.tar, 00001.tar, ... of a dataset folder: for each sample KEY.<picture>, KEY.txt, KEY.cls, KEY.json. */
#ifndef TL_CRAWLER_IMPORT_SINKS_WEBDATASET_WRITER_H
#define TL_CRAWLER_IMPORT_SINKS_WEBDATASET_WRITER_H

#include "base/image/probe.h"
#include "crawler-import/import.h"
#include "crawler-import/sinks/sink.h"

typedef struct tl_shard_writer tl_shard_writer;

/* "00007.tar" */
void tl_shard_name(uint64_t number, char name[TL_SHARD_NAME_SIZE]);
bool tl_shard_writer_open(const char *dataset, uint64_t number, tl_shard_writer **out, tl_error *err) TL_MUST_USE;
/* key fits a ustar header; split may be NULL: then what the sample says stays. */
bool tl_shard_writer_add(tl_shard_writer *writer, const tl_sample *sample, const char *key, const char *split,
                         const tl_image_info *info, tl_error *err) TL_MUST_USE;
/* The same of a sample whose metadata was written before. */
bool tl_shard_writer_add_stored(tl_shard_writer *writer, const tl_stored_sample *sample, tl_error *err) TL_MUST_USE;
/* Makes the shard appear under its name; *size is that of the file. */
bool tl_shard_writer_commit(tl_shard_writer *writer, uint64_t *size, tl_error *err) TL_MUST_USE;
/* Without a commit before it, nothing is left. */
void tl_shard_writer_close(tl_shard_writer *writer);

#endif
