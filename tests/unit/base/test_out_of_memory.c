/* Every allocation of core and io fails in turn: an error of its kind, no leak (the sanitizer sees to that), and the next try
 * works. */
#include "tests/support/failing_memory.c"

#include "base/core/arena.h"
#include "base/core/hash.h"
#include "base/core/string.h"
#include "base/io/file.h"
#include "base/io/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool use_arena(tl_error *err)
{
    tl_arena *arena = NULL;
    bool ok = tl_arena_create(100, &arena, err) && tl_arena_allocate(arena, (size_t)4 << 20, 1, err) != NULL &&
              tl_arena_copy_text(arena, "fox", 3, err) != NULL;
    tl_arena_destroy(arena);
    return ok;
}

static bool use_string(tl_error *err)
{
    tl_string text;
    tl_string_init(&text, 10000);
    char *path = NULL;
    bool ok = tl_string_append_text(&text, "fox", err) && tl_string_append_format(&text, err, "%1000d", 1) &&
              (path = tl_path_join("a", "b", err)) != NULL;
    tl_memory_free(path);
    tl_string_clear(&text);
    return ok;
}

static bool use_hasher(tl_error *err)
{
    tl_hasher *hasher = NULL;
    bool ok = tl_hasher_create(&hasher, err);
    tl_hasher_destroy(hasher);
    return ok;
}

static bool use_files(tl_error *err)
{
    tl_string bytes;
    tl_string_init(&bytes, 10000);
    char *resolved = NULL;
    bool ok = tl_directory_create("oom/deep", err) && tl_file_replace("oom/deep/a", tl_slice_of("fox"), err) &&
              tl_file_read("oom/deep/a", &bytes, err) && (resolved = tl_path_resolve("oom/deep/a", err)) != NULL;
    tl_memory_free(resolved);
    tl_string_clear(&bytes);
    return tl_directory_remove("oom", ok ? err : NULL) && ok;
}

static bool use_json(tl_error *err)
{
    tl_json *json = NULL;
    bool ok = tl_json_parse(tl_slice_of("{\"a\": [1, 2]}"), "text", &json, err) && tl_json_write_file(json, "oom.json", err);
    tl_json_free(json);
    json = NULL;
    ok = ok && tl_json_read_file("oom.json", 1000, &json, err);
    tl_json_free(json);
    return ok;
}

static void every_allocation_fails_in_turn(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool (*use)(tl_error *err);
        size_t least_failures;
    } jobs[] = {{"arena", use_arena, 5},
                {"string", use_string, 3},
                {"hasher", use_hasher, 1},
                {"files", use_files, 7},
                {"json", use_json, 7}};
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        failing_memory_sweep sweep = {.job = jobs[i].name, .least_failures = jobs[i].least_failures};
        while (failing_memory_next(&sweep))
            failing_memory_judge(&sweep, jobs[i].use(&sweep.err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails_in_turn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
