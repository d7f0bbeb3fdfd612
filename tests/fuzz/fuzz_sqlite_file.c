/* A database file of any bytes with a virtual table in it: searched, changed, checked, in memory. */
#include "index/sqlite/register.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 20, MAX_STEPS = 200, STEP_OPERATIONS = 1000 };

static const char *const uses[] = {
    "SELECT rowid, distance, label, embedding FROM v WHERE embedding MATCH '[1,2,3,4]' AND k=5",
    "SELECT rowid FROM v WHERE embedding MATCH '[1,2,3,4]' AND exact=1 AND label='l1'",
    "SELECT rowid FROM v WHERE embedding MATCH '[1,2,3,4]' AND k=5 AND rowid IN (1, 2, 3)",
    "SELECT * FROM v",
    "UPDATE v SET embedding='[4,3,2,1]' WHERE rowid=7",
    "INSERT INTO v(embedding, label) VALUES('[9,8,7,6]', 'x')",
    "DELETE FROM v WHERE rowid=3",
    "INSERT INTO v(v) VALUES('check')",
    "INSERT INTO v(v) VALUES('build=3')",
    "SELECT rowid FROM v WHERE embedding MATCH '[1,2,3,4]' AND k=5",
    "DROP TABLE v",
};

static int count_steps(void *context)
{
    return ++*(int *)context > MAX_STEPS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sqlite3 *database = NULL;
    int steps = 0;
    tl_error error;
    if (size == 0 || size > MAX_FILE)
        return 0;
    unsigned char *copy = sqlite3_malloc64(size);
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    if (sqlite3_open(":memory:", &database) != SQLITE_OK || !tl_sqlite_register(database, NULL, &error)) {
        sqlite3_free(copy);
    } else if (sqlite3_deserialize(database, "main", copy, (sqlite3_int64)size, (sqlite3_int64)size,
                                   SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) == SQLITE_OK) {
        sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_limit(database, SQLITE_LIMIT_LENGTH, 1 << 22);
        sqlite3_progress_handler(database, STEP_OPERATIONS, count_steps, &steps);
        for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
            steps = 0;
            sqlite3_exec(database, uses[i], NULL, NULL, NULL);
        }
    }
    if (sqlite3_close(database) != SQLITE_OK)
        abort();
    return 0;
}
