/* Looking after an index file: what it holds, whether it is sound, a library that moved. */
#ifndef TL_CLI_APP_INDEX_ADMIN_H
#define TL_CLI_APP_INDEX_ADMIN_H

#include "index/index.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_index_summary {
    tl_index_stats stats;
    tl_vector_set *sets; /* owned by the caller: tl_memory_free */
    size_t set_count;
} tl_index_summary;

bool tl_index_summarize(const char *index_path, tl_index_summary *out, tl_error *err) TL_MUST_USE;
/* Fails with the first fault found. */
bool tl_index_verify(const char *index_path, tl_error *err) TL_MUST_USE;
/* Removes every item of a root, with captions and vectors; a root that the index does not hold is an error. *removed: items. */
bool tl_index_forget_root(const char *index_path, const char *root, uint64_t *removed, tl_error *err) TL_MUST_USE;
/* Divides the vector sets into lists: every one, or those that are large and not divided, or have more than doubled or halved
 * since (every false). *divided: how many were. is_compact: space that became free goes back to the file system. */
bool tl_index_divide_sets(const char *index_path, bool every, bool is_compact, tl_thread_pool *pool, size_t *divided,
                          tl_error *err) TL_MUST_USE;
/* Copies the index into a new file, while others use it. */
bool tl_index_back_up(const char *index_path, const char *copy_path, tl_error *err) TL_MUST_USE;
/* old_root need not exist any more; new_root must. */
bool tl_index_move_root(const char *index_path, const char *old_root, const char *new_root, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
