/*
 * Owns a search: one read transaction around the set's row, the folder's ids, the scan and the items of the hits, so that all of
 * it sees one state. The transaction lasts as long as the search, so a writer's log can always be folded into the file
 * afterwards.
 */
#include "base/core/memory.h"
#include "index/catalogue/items.h"
#include "index/catalogue/table_sums.h"
#include "index/catalogue/vector_sets.h"
#include "index/catalogue/where.h"
#include "index/catalogue/words.h"
#include "index/index_internal.h"
#include "index/rank_fusion.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct tl_index_searcher {
    sqlite3 *database;
    tl_statements statements;
    char model[sizeof((tl_vector_set){0}).model];
    tl_vector_kind kind;
    uint32_t dim;
    tl_vector_store *store;
    bool is_known[TL_SUMMED_COUNT][TL_SUMMED_PARTS]; /* to be whole, as it was when it was first needed */
};

static bool find_set(tl_index_searcher *searcher, tl_stored_set *set, tl_error *err)
{
    return tl_sets__find(&searcher->statements, searcher->model, searcher->kind, set, err) &&
           (set->id != 0 || tl_sets__fail_not_found(&searcher->statements, searcher->model, searcher->kind, err));
}

bool tl_index_searcher_create(tl_index *index, const char *model_fingerprint, tl_vector_kind kind, tl_index_searcher **out,
                              tl_error *err)
{
    bool ok = false;
    tl_stored_set set;
    if (kind != TL_VECTOR_IMAGE && kind != TL_VECTOR_CAPTION)
        return tl_fail(err, TL_ERROR_INVALID, "expected vectors of kind image or caption, found %d", (int)kind);
    tl_index_searcher *searcher = tl_memory_allocate(1, sizeof *searcher, err);
    if (searcher == NULL)
        return false;
    size_t size = strlen(model_fingerprint);
    if (size >= sizeof searcher->model) {
        tl_fail(err, TL_ERROR_INVALID, "expected a model fingerprint of at most %zu bytes, found %zu", sizeof searcher->model - 1,
                size);
        goto done;
    }
    memcpy(searcher->model, model_fingerprint, size + 1);
    searcher->kind = kind;
    if (!tl_index__connect(index->path, TL_INDEX_READ, &searcher->database, err) ||
        !tl_vector_store_open(searcher->database, "main", "vector", TL_TABLES_OF_CATALOGUE, &searcher->store, err))
        goto done;
    searcher->statements = tl_catalogue__statements(searcher->database);
    ok = find_set(searcher, &set, err) || tl_index__fail_in_file(searcher->database, err);
    searcher->dim = set.dim;
    tl_statements__rest(&searcher->statements);
done:
    if (ok)
        *out = searcher;
    else
        tl_index_searcher_destroy(searcher);
    return ok;
}

void tl_index_searcher_destroy(tl_index_searcher *searcher)
{
    if (searcher == NULL)
        return;
    tl_vector_store_close(searcher->store);
    tl_statements__clear(&searcher->statements);
    tl_database_close(searcher->database);
    tl_memory_free(searcher);
}

uint32_t tl_index_searcher_dim(const tl_index_searcher *searcher)
{
    return searcher->dim;
}

static bool check_query(const tl_index_searcher *searcher, const float *query, size_t k, tl_error *err)
{
    if (k == 0)
        return tl_fail(err, TL_ERROR_INVALID, "search: expected to ask for at least 1 result, found 0");
    for (uint32_t i = 0; i < searcher->dim; i++)
        if (!isfinite(query[i]))
            return tl_fail(err, TL_ERROR_INVALID, "search: expected a finite query vector, found %g at %" PRIu32,
                           (double)query[i], i);
    return true;
}

static bool find_items_of_captions(tl_index_searcher *searcher, tl_hit *hits, size_t count, tl_error *err)
{
    for (size_t i = 0; searcher->kind == TL_VECTOR_CAPTION && i < count; i++) {
        bool row = false;
        sqlite3_stmt *statement = tl_statements__get(&searcher->statements, TL_SQL_CAPTION_ITEM, err);
        if (statement == NULL)
            return false;
        hits[i].caption_id = hits[i].item_id;
        sqlite3_bind_int64(statement, 1, hits[i].caption_id);
        if (!tl_statements__step(&searcher->statements, statement, &row, err))
            return false;
        if (!row || sqlite3_column_int(statement, 1) != 1)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected an item of caption %" PRId64 ", found none", hits[i].caption_id);
        hits[i].item_id = sqlite3_column_int64(statement, 0);
    }
    return true;
}

/* What changes later comes through SQLite, from a writer. */
static bool know_whole(tl_index_searcher *searcher, tl_summed table, tl_summed_part part, tl_error *err)
{
    bool *is_known = &searcher->is_known[table][part];
    *is_known = *is_known || tl_table_sums__verify(&searcher->statements, table, part, err);
    return *is_known;
}

static bool find_in_directory(tl_index_searcher *searcher, const char *directory, tl_ids *ids, tl_error *err)
{
    return know_whole(searcher, TL_SUMMED_ROOTS, TL_SUMMED_KEYS, err) &&
           know_whole(searcher, TL_SUMMED_ITEMS, TL_SUMMED_KEYS, err) &&
           (searcher->kind != TL_VECTOR_CAPTION || know_whole(searcher, TL_SUMMED_CAPTIONS, TL_SUMMED_KEYS, err)) &&
           tl_items__ids_in_directory(&searcher->statements, directory, searcher->kind, ids, err);
}

static bool find_where(tl_index_searcher *searcher, const char *where, tl_ids *ids, tl_error *err)
{
    return know_whole(searcher, TL_SUMMED_ROOTS, TL_SUMMED_ROWS, err) &&
           know_whole(searcher, TL_SUMMED_ITEMS, TL_SUMMED_ROWS, err) &&
           (!tl_where__reads_captions(where, searcher->kind) ||
            (know_whole(searcher, TL_SUMMED_CAPTIONS, TL_SUMMED_KEYS, err) &&
             know_whole(searcher, TL_SUMMED_CAPTIONS, TL_SUMMED_ROWS, err))) &&
           tl_where__ids(searcher->database, where, searcher->kind, ids, err);
}

/* Keeps those of allowed that fulfil the condition too; without a folder, all that do. */
static bool narrow(tl_index_searcher *searcher, const tl_search_options *options, tl_ids *allowed, tl_error *err)
{
    tl_ids found = {0};
    if (!find_where(searcher, options->where, &found, err)) {
        tl_memory_free(found.items);
        return false;
    }
    if (options->directory == NULL) {
        *allowed = found;
        return true;
    }
    tl_ids__intersect(allowed, &found);
    tl_memory_free(found.items);
    return true;
}

/* Which owners may be found; *is_limited false: all. */
static bool find_allowed(tl_index_searcher *searcher, const tl_search_options *options, tl_ids *allowed, bool *is_limited,
                         tl_error *err)
{
    *is_limited = options->directory != NULL || options->where != NULL;
    return (options->directory == NULL || find_in_directory(searcher, options->directory, allowed, err)) &&
           (options->where == NULL || narrow(searcher, options, allowed, err));
}

static bool check_dim(const tl_index_searcher *searcher, const tl_stored_set *set, tl_error *err)
{
    return set->dim == searcher->dim ||
           tl_fail(err, TL_ERROR_INVALID, "vectors of model '%s': expected dimension %" PRIu32 ", found %" PRIu32,
                   searcher->model, searcher->dim, set->dim);
}

/* Of each ranking so many: further ones change little among the best k. */
static size_t fusion_depth(size_t k)
{
    return k < 100 ? 200 : k < SIZE_MAX / 4 ? 2 * k : k;
}

/* The best by their vectors; with words, of both rankings together. *fused, if any, is freed by the caller. */
static bool rank(tl_index_searcher *searcher, const tl_stored_set *set, tl_vector_query *call, const tl_search_options *options,
                 const tl_ids *allowed, const tl_scored **found, size_t *count, tl_scored **fused, tl_error *err)
{
    call->k = options->words != NULL ? fusion_depth(options->k) : options->k;
    if (!tl_vector_store_search(searcher->store, set, call, found, count, err))
        return false;
    if (options->words == NULL)
        return true;
    tl_ids by_words = {0};
    bool ok = tl_words__find(&searcher->statements, options->words, searcher->kind, allowed, call->k, &by_words, err) &&
              tl_rank_fusion__join(*found, *count, &by_words, options->k, fused, count, err);
    *found = *fused;
    tl_memory_free(by_words.items);
    return ok;
}

static bool search_in_transaction(tl_index_searcher *searcher, const float *query, const tl_search_options *options, tl_hit *hits,
                                  size_t *count, tl_error *err)
{
    static const int64_t nobody;
    tl_stored_set set;
    tl_ids allowed = {0};
    tl_scored *fused = NULL;
    const tl_scored *found;
    bool is_limited;
    tl_vector_query call = {.vector = query,
                            .metric = TL_METRIC_DOT,
                            .exact = options->exact || options->directory != NULL,
                            .probes = options->probes};
    bool ok = find_set(searcher, &set, err) && check_dim(searcher, &set, err) &&
              find_allowed(searcher, options, &allowed, &is_limited, err);
    if (ok && is_limited) {
        call.allowed = allowed.count != 0 ? allowed.items : &nobody;
        call.allowed_count = allowed.count;
    }
    ok = ok && rank(searcher, &set, &call, options, is_limited ? &allowed : NULL, &found, count, &fused, err);
    for (size_t i = 0; ok && i < *count; i++)
        hits[i] = (tl_hit){.item_id = found[i].owner, .score = found[i].score};
    ok = ok && find_items_of_captions(searcher, hits, *count, err);
    tl_memory_free(fused);
    tl_memory_free(allowed.items);
    return ok;
}

bool tl_index_searcher_search(tl_index_searcher *searcher, const float *query, const tl_search_options *options, tl_hit *hits,
                              size_t *count, tl_error *err)
{
    if (!check_query(searcher, query, options->k, err))
        return false;
    size_t found = 0;
    bool ok = tl_statements__run_integers(&searcher->statements, TL_SQL_BEGIN_READ, 0, 0, err) &&
              search_in_transaction(searcher, query, options, hits, &found, err);
    tl_vector_store_rest(searcher->store);
    tl_statements__rest(&searcher->statements);
    if (!sqlite3_get_autocommit(searcher->database))
        ok = tl_statements__run_integers(&searcher->statements, TL_SQL_COMMIT, 0, 0, ok ? err : NULL) && ok;
    if (ok)
        *count = found;
    return ok || tl_index__fail_in_file(searcher->database, err);
}
