/* An index file of any bytes: opened for writing, checked, listed, searched, changed, divided into lists. Errors are fine; the
 * right to crash is not given. */
#include "base/core/memory.h"
#include "index/index.h"

#include <stdio.h>
#include <unistd.h>

enum { MAX_ITEMS = 200, MAX_FILE = 1 << 20, MAX_DIVIDED = 1000, K = 20 };

static bool visit_item(void *context, const tl_item *item, tl_error *err)
{
    size_t *count = context;
    for (size_t i = 0; i < item->caption_count; i++)
        if (item->captions[i] == NULL)
            return tl_fail(err, TL_ERROR_CORRUPT, "a caption is NULL");
    return ++*count < MAX_ITEMS || tl_fail(err, TL_ERROR_CANCELLED, "enough");
}

static void search(tl_index *index, const tl_vector_set *set)
{
    tl_error error;
    tl_index_searcher *searcher = NULL;
    tl_hit hits[K];
    size_t count;
    if (!tl_index_searcher_create(index, set->model, set->kind, &searcher, &error))
        return;
    uint32_t dim = tl_index_searcher_dim(searcher);
    float *query = tl_memory_allocate(dim, sizeof *query, &error);
    for (uint32_t i = 0; query != NULL && i < dim; i++)
        query[i] = (float)(i % 3) - 1.0f;
    static const tl_search_options ways[] = {
        {.k = K}, {.k = K, .exact = true}, {.k = 3, .probes = 1}, {.k = 3, .directory = "/r/a"}};
    for (size_t i = 0; query != NULL && i < sizeof ways / sizeof ways[0]; i++)
        if (tl_index_searcher_search(searcher, query, &ways[i], hits, &count, &error))
            for (size_t h = 0; h < count; h++) {
                tl_item item;
                void *block;
                if (tl_index_item_read(index, hits[h].item_id, &item, &block, &error))
                    tl_memory_free(block);
            }
    tl_memory_free(query);
    tl_index_searcher_destroy(searcher);
}

static void change(tl_index *index, const tl_vector_set *set)
{
    tl_error error;
    tl_index_writer *writer = NULL;
    if (!tl_index_writer_open(index, &writer, &error))
        return;
    static float vector[65536];
    const char *captions[] = {"b", "new"};
    tl_item item = {.root = "/r", .path = "a/1.jpg", .hash = "other", .captions = captions, .caption_count = 2};
    int64_t id = 0, *owners = NULL;
    size_t count = 0;
    bool ok = tl_index_writer_put_item(writer, &item, &id, &error);
    if (ok && set != NULL && set->kind == TL_VECTOR_IMAGE)
        ok = tl_index_writer_put_vectors(writer, set, &id, vector, 1, &error);
    if (ok && set != NULL && tl_index_writer_missing(writer, set, &owners, &count, &error))
        tl_memory_free(owners);
    ok = ok && tl_index_writer_move_item(writer, id, "/q", "z", &error) &&
         tl_index_writer_move_root(writer, "/r", "/s", &error) && tl_index_writer_remove_item(writer, 2, &error) &&
         tl_index_writer_commit(writer, &error);
    ok = ok && set != NULL && set->count < MAX_DIVIDED &&
         tl_index_writer_divide(writer, set->model, set->kind, 2, NULL, &error) && tl_index_writer_commit(writer, &error);
    (void)ok;
    tl_index_writer_close(writer);
}

static void use(tl_index *index)
{
    tl_error error;
    tl_index_stats stats;
    tl_vector_set *sets = NULL;
    size_t visited = 0, set_count = 0;
    (void)!tl_index_check(index, &error);
    (void)!tl_index_stats_read(index, &stats, &error);
    (void)!tl_index_each_item(index, NULL, visit_item, &visited, &error);
    bool has_sets = tl_index_sets(index, &sets, &set_count, &error);
    for (size_t i = 0; has_sets && i < set_count && i < 4; i++)
        search(index, &sets[i]);
    change(index, has_sets && set_count != 0 ? &sets[0] : NULL);
    if (has_sets && set_count != 0)
        search(index, &sets[0]);
    if (has_sets)
        tl_memory_free(sets);
}

static void remove_files(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        unlink(name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_error error;
    tl_index *index = NULL;
    char path[32];
    if (size > MAX_FILE)
        return 0;
    snprintf(path, sizeof path, "fuzz-%ld.twinlens", (long)getpid());
    remove_files(path);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return 0;
    size_t written = size != 0 ? fwrite(data, 1, size, file) : 0;
    if (fclose(file) == 0 && written == size && tl_index_open(path, TL_INDEX_WRITE, &index, &error)) {
        use(index);
        tl_index_close(index);
    }
    remove_files(path);
    return 0;
}
