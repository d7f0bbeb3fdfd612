/*
 * Door of the vector store: sets of vectors in four tables of a connection that somebody else opened, "SCHEMA"."PREFIX_sets",
 * "_blocks", "_centroids" and "_owners". It never begins or ends a transaction, so that vectors change together with the rows
 * they belong to, whoever's these are: the picture index keeps its sets in one, and so does a virtual table on the connection of
 * an application. One thread at a time, as its connection.
 *
 * What is put is held in memory until a flush; the owner of the transaction flushes before it commits or opens a savepoint, and
 * forgets after a rollback. After a failed put, remove, flush or divide the transaction must be rolled back.
 */
#ifndef TL_INDEX_VECTOR_STORE_H
#define TL_INDEX_VECTOR_STORE_H

#include "base/core/error.h"
#include "base/parallel/thread_pool.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sqlite3;
typedef struct tl_vector_store tl_vector_store;

enum { TL_MAX_DIM = 65536, TL_MAX_LISTS = 1 << 20 };

/* How the numbers of a set are kept. What is stored is what is searched. */
typedef enum tl_vector_storage { TL_VECTOR_STORE_F16, TL_VECTOR_STORE_F32 } tl_vector_storage;

/* Scores, of which higher is better: the dot product, or minus the square of the Euclidean distance. */
typedef enum tl_vector_metric { TL_METRIC_DOT, TL_METRIC_L2 } tl_vector_metric;

/* A row of the sets, as it was when it was read. */
typedef struct tl_stored_set {
    int64_t id; /* 0: there is none */
    uint32_t dim;
    uint64_t count;
    tl_vector_storage storage;
    uint32_t lists;      /* of neighbouring vectors that it is divided into; 0: not divided, every search is exact */
    uint64_t divided;    /* vectors when the lists were made */
    uint64_t generation; /* another number whenever the lists are made anew */
} tl_stored_set;

/* Who made the tables: a catalogue, whose indexes are PREFIX_blocks_of_list and PREFIX_blocks_by_count, or the store itself. */
typedef enum tl_vector_tables { TL_TABLES_OF_CATALOGUE, TL_TABLES_OWN } tl_vector_tables;

/* The connection must outlive the store; the tables need not be there yet. Texts are copied. */
bool tl_vector_store_open(struct sqlite3 *database, const char *schema, const char *prefix, tl_vector_tables tables,
                          tl_vector_store **out, tl_error *err) TL_MUST_USE;
void tl_vector_store_close(tl_vector_store *store);
/* Makes the tables, for who has none of their own; and drops them. */
bool tl_vector_store_create_tables(tl_vector_store *store, tl_error *err) TL_MUST_USE;
bool tl_vector_store_drop_tables(tl_vector_store *store, tl_error *err) TL_MUST_USE;
/* Gives the tables another prefix; the store is then to be closed. */
bool tl_vector_store_rename_tables(tl_vector_store *store, const char *prefix, tl_error *err) TL_MUST_USE;

bool tl_vector_store_add_set(tl_vector_store *store, int64_t id, uint32_t dim, tl_vector_storage storage,
                             tl_error *err) TL_MUST_USE;
/* out->id is 0 when there is no such set. What is held is not in its count. */
bool tl_vector_store_find_set(tl_vector_store *store, int64_t id, tl_stored_set *out, tl_error *err) TL_MUST_USE;

/* Adds or replaces the vector [dim] of owner: finite numbers, within f16 where that is what is stored. */
bool tl_vector_store_put(tl_vector_store *store, const tl_stored_set *set, int64_t owner, const float *vector,
                         tl_error *err) TL_MUST_USE;
/* No vector of that owner: nothing happens. */
bool tl_vector_store_remove(tl_vector_store *store, const tl_stored_set *set, int64_t owner, tl_error *err) TL_MUST_USE;
/* vector [dim]; *found false: the owner has none. */
bool tl_vector_store_read(tl_vector_store *store, const tl_stored_set *set, int64_t owner, float *vector, bool *found,
                          tl_error *err) TL_MUST_USE;
/* Owners that have a vector, ascending; *owners is owned by the caller (tl_memory_free). */
bool tl_vector_store_owners(tl_vector_store *store, const tl_stored_set *set, int64_t **owners, size_t *count,
                            tl_error *err) TL_MUST_USE;
/* Writes what is held. */
bool tl_vector_store_flush(tl_vector_store *store, tl_error *err) TL_MUST_USE;
/* Drops what is held and all that was remembered of the tables: after a rollback. */
void tl_vector_store_forget(tl_vector_store *store);
/* Ends what still reads: statements and blobs. The next call begins them again. */
void tl_vector_store_rest(tl_vector_store *store);
/* The same, and gives up prepared statements, which hold whatever stands under the tables' names. */
void tl_vector_store_let_go(tl_vector_store *store);

/* Divides a set into lists of neighbouring vectors with short codes, or divides it anew. lists 0: a number that suits it. A set
 * of no vectors is left undivided. What is held must have been flushed before the set was read. */
bool tl_vector_store_divide(tl_vector_store *store, const tl_stored_set *set, uint32_t lists, tl_thread_pool *pool,
                            tl_error *err) TL_MUST_USE;
/* Moves vectors that were put since the division to their lists, in every set that has many of them. */
bool tl_vector_store_move_tails(tl_vector_store *store, tl_error *err) TL_MUST_USE;

typedef struct tl_vector_query {
    const float *vector; /* [dim], finite */
    tl_vector_metric metric;
    size_t k;               /* at least 1; more than there are: all */
    const int64_t *allowed; /* ascending owners, the only ones wanted; NULL: all */
    size_t allowed_count;
    bool has_least, has_most;
    float least, most; /* with has_least, has_most: only scores of at least, at most this */
    bool exact;        /* look at all that could be among the best, also where the set is divided */
    uint32_t probes;   /* lists of a divided set to look into; 0: a number that suits the set */
} tl_vector_query;

typedef struct tl_scored {
    int64_t owner;
    float score;
} tl_scored;

/*
 * The k highest scores, best first, ties by lower owner: exactly, unless the set is divided and the query allows an
 * approximation. *hits lie in the store until its next call. With owners named, k of them are found when there are k: few are
 * fetched one by one, of many the lists are looked into until as many were seen as without the condition. Within a transaction of
 * the caller's (or a statement of theirs), so that all of it sees one state.
 */
bool tl_vector_store_search(tl_vector_store *store, const tl_stored_set *set, const tl_vector_query *query,
                            const tl_scored **hits, size_t *count, tl_error *err) TL_MUST_USE;

/* Verifies every block of the set: checksums, numbers, codes, owners both ways, counts. check_owner (NULL: not asked) fails where
 * what an owner stands for is not there. */
bool tl_vector_store_check(tl_vector_store *store, const tl_stored_set *set,
                           bool (*check_owner)(void *context, int64_t owner, tl_error *err), void *context,
                           tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
