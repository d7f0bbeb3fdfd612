/* The import as a whole: what goes in comes out, reasons, splits, keys, adding, stopping, and places that cannot be written. */
#include "made_files.h"

#include "base/store/database.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void run_import(const char *const *sources, size_t count, const char *dataset, const tl_import_options *options,
                       tl_import_report *report)
{
    assert_ok(tl_import_run(sources, count, dataset, options, report, err));
}

static void assert_refused(const char *source, const char *dataset, const tl_import_options *options, tl_error_kind kind,
                           const char *part)
{
    tl_import_report report;
    tl_error error = {0};
    assert_false(tl_import_run(&source, 1, dataset, options, &report, &error));
    assert_int_equal(error.kind, kind);
    if (strstr(error.message, part) == NULL)
        fail_msg("expected '%s' in: %s", part, error.message);
}

static bool exists(const char *path)
{
    tl_file_status status;
    assert_ok(tl_file_status_read(path, &status, err));
    return status.kind != TL_FILE_MISSING;
}

static uint64_t count_of(const tl_import_report *report, const char *reason)
{
    for (size_t i = 0; i < report->reason_count; i++)
        if (strcmp(report->reasons[i].reason, reason) == 0)
            return report->reasons[i].count;
    return 0;
}

static void make_pictures(const char *folder, unsigned first, unsigned count)
{
    char path[256];
    make_empty_folder(folder);
    for (unsigned i = first; i < first + count; i++) {
        snprintf(path, sizeof path, "%s/%03u.bmp", folder, i);
        make_picture(path, i);
        snprintf(path, sizeof path, "%s/%03u.txt", folder, i);
        char text[64];
        snprintf(text, sizeof text, "picture number %u", i);
        make_text(path, text);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    make_empty_folder("trip");
    make_picture("trip/a b/fox.png", 1);
    make_text("trip/a b/fox.txt", "a fox");
    make_text(
        "trip/a b/fox.json",
        "{\"captions\": [\"ein Fuchs\"], \"season\": \"winter\", \"url\": \"http://x\", \"split\": \"test\", \"key\": \"old\"}");
    make_text("trip/a b/fox.cls", "3");
    make_picture("trip/\xe7\x8b\x90.jpg", 2);
    make_text("trip/\xe7\x8b\x90.txt", "\xe7\x8b\x90");
    tl_import_report report;
    const char *source = "trip";
    assert_ok(tl_directory_remove("trip-set", err));
    run_import(&source, 1, "trip-set", &(tl_import_options){.decode_pictures = true, .hold_out = 1}, &report);
    assert_int_equal(report.imported, 2);
    assert_int_equal(report.skipped, 0);
    assert_int_equal(report.shards, 1);
    assert_source("trip-set", NULL,
                  "a b/fox 70 3 test ok [a fox] [ein Fuchs]\n"
                  "\xe7\x8b\x90 70 -1 held-out ok [\xe7\x8b\x90]\n");
    tl_source *opened = NULL;
    tl_sample sample;
    bool done;
    assert_ok(tl_source_open("trip-set", NULL, &opened, err));
    assert_ok(tl_source_next(opened, &sample, &done, err));
    assert_string_equal(tl_json_text_or(sample.json, "season", ""), "winter");
    assert_string_equal(tl_json_text_or(sample.json, "key", ""), "a b/fox");
    assert_string_equal(tl_json_text_or(sample.json, "origin", ""), "a b/fox.png");
    assert_string_equal(tl_json_text_or(sample.json, "caption", ""), "a fox");
    assert_int_equal(tl_json_array_size(tl_json_member(sample.json, "captions")), 2);
    assert_int_equal(tl_json_integer_or(sample.json, "width", 0), 2);
    assert_int_equal(tl_json_integer_or(sample.json, "height", 0), 2);
    assert_int_equal(strlen(tl_json_text_or(sample.json, "xxh128", "")), 32);
    assert_string_equal(sample.url, "http://x");
    unsigned char picture[PICTURE_SIZE];
    draw_picture(1, picture);
    assert_memory_equal(sample.image.data, picture, PICTURE_SIZE);
    tl_source_close(opened);
    /* A dataset imported again keeps where its samples first came from, and everything else. */
    source = "trip-set";
    assert_ok(tl_directory_remove("trip-again", err));
    run_import(&source, 1, "trip-again", &(tl_import_options){.decode_pictures = true}, &report);
    assert_same_file("trip-set/00000.tar", "trip-again/00000.tar");
    setlocale(LC_ALL, "C.UTF-8");
    assert_ok(tl_directory_remove("trip-again", err));
    run_import(&source, 1, "trip-again", NULL, &report);
    setlocale(LC_ALL, "C");
    assert_same_file("trip-set/00000.tar", "trip-again/00000.tar");
}

static bool list_skipped(void *context, const char *origin, const char *reason)
{
    tl_string *list = context;
    assert_ok(tl_string_append_format(list, err, "%s: %s\n", origin, reason));
    return true;
}

static void test_reasons(void **state)
{
    (void)state;
    unsigned char picture[PICTURE_SIZE];
    make_pictures("bad", 0, 3);
    make_file("bad/empty.png", "", 0);
    make_text("bad/empty.txt", "x");
    make_text("bad/text.jpg", "this is a text, whatever it is called, and it is long enough to be looked at");
    make_text("bad/text.txt", "x");
    draw_picture(9, picture);
    make_file("bad/short.bmp", picture, PICTURE_SIZE - 9);
    make_text("bad/short.txt", "x");
    picture[18] = picture[22] = 0;
    picture[20] = picture[24] = 1; /* 65536 x 65536 */
    make_file("bad/vast.bmp", picture, PICTURE_SIZE);
    make_text("bad/vast.txt", "x");
    make_picture("bad/silent.png", 1);
    make_picture("bad/000.png", 1);
    make_text("bad/zz.png", "\x89PNG\r\n\x1a\n");
    make_text("bad/zz.txt", "x");
    tl_import_report report;
    const char *source = "bad";
    assert_ok(tl_directory_remove("bad-set", err));
    run_import(&source, 1, "bad-set", &(tl_import_options){.decode_pictures = true, .samples_per_shard = 2}, &report);
    assert_int_equal(report.imported, 4);
    assert_int_equal(report.skipped, 6);
    assert_int_equal(report.shards, 2);
    assert_int_equal(count_of(&report, "empty file"), 1);
    assert_int_equal(count_of(&report, "not a picture"), 1);
    assert_int_equal(count_of(&report, "broken picture"), 2);
    assert_int_equal(count_of(&report, "picture too large"), 1);
    assert_int_equal(count_of(&report, "no caption"), 1);
    assert_string_equal(report.reasons[0].reason, "broken picture");
    tl_string list;
    tl_string_init(&list, 65536);
    assert_ok(tl_import_each_skipped("bad-set", list_skipped, &list, err));
    assert_string_equal(list.data, "empty.png: empty file\nshort.bmp: broken picture\nsilent.png: no caption\n"
                                   "text.jpg: not a picture\nvast.bmp: picture too large\nzz.png: broken picture\n");
    tl_string_clear(&list);
    /* Without decoding, what only the pixels could tell passes. */
    assert_ok(tl_directory_remove("bad-set", err));
    run_import(&source, 1, "bad-set", NULL, &report);
    assert_int_equal(report.imported, 5);
    tl_error error = {0};
    assert_false(tl_import_each_skipped("bad", list_skipped, &list, &error));
    assert_int_equal(error.kind, TL_ERROR_NOT_FOUND);
}

typedef struct stopper {
    int calls_left;
} stopper;

static bool stop_after(void *context)
{
    stopper *stop = context;
    return stop->calls_left-- == 0;
}

/* Two pictures of a folder whose names make the same key are two samples, whenever the import is stopped; a shard's are one. */
static void test_same_keys(void **state)
{
    (void)state;
    static const char expected[] = "fox_x 70 -1 - ok [one]\nfox_x_2 70 -1 - ok [two]\nfox_x_3 70 -1 - ok [three]\n"
                                   "fox_x_2_2 70 -1 - ok [four]\n";
    static const char *const names[] = {"fox.x", "fox_x", "fox\x01x", "fox_x_2"};
    const char *sources[] = {"same", "same-again"};
    tl_import_report report;
    for (int folder = 0; folder < 2; folder++) {
        make_empty_folder(sources[folder]);
        for (unsigned i = 0; i < 4; i++) {
            static const char *const captions[] = {"two", "three", "one", "four"};
            char path[64];
            snprintf(path, sizeof path, "%s/%s.bmp", sources[folder], names[i]);
            make_picture(path, i);
            snprintf(path, sizeof path, "%s/%s.txt", sources[folder], names[i]);
            make_text(path, captions[i]);
        }
    }
    const tl_import_options options = {.samples_per_shard = 1};
    assert_ok(tl_directory_remove("same-set", err));
    run_import(sources, 1, "same-set", &options, &report);
    assert_int_equal(report.imported, 4);
    assert_source("same-set", NULL, expected);
    for (int calls = 1; calls < 5; calls++) {
        stopper stop = {calls};
        tl_progress progress = {.context = &stop, .cancelled = stop_after};
        assert_ok(tl_directory_remove("same-stopped", err));
        tl_error error = {0};
        assert_false(tl_import_run(sources, 1, "same-stopped",
                                   &(tl_import_options){.samples_per_shard = 1, .progress = &progress}, &report, &error));
        assert_int_equal(error.kind, TL_ERROR_CANCELLED);
        run_import(sources, 1, "same-stopped", &options, &report);
        assert_source("same-stopped", NULL, expected);
    }
    run_import(sources, 2, "same-stopped", &options, &report);
    assert_int_equal(report.imported, 8);
    tl_string found;
    describe_source("same-stopped", NULL, &found);
    assert_memory_equal(found.data, expected, sizeof expected - 1);
    assert_string_equal(found.data + sizeof expected - 1,
                        "2/fox_x 70 -1 - ok [one]\n2/fox_x_2 70 -1 - ok [two]\n2/fox_x_3 70 -1 - ok [three]\n"
                        "2/fox_x_2_2 70 -1 - ok [four]\n");
    tl_string_clear(&found);
    tl_string tar;
    tl_string_init(&tar, 1 << 20);
    for (int i = 0; i < 2; i++) {
        add_picture_member(&tar, i == 0 ? "a.bmp" : "./a.bmp", 1);
        add_text_member(&tar, "b.txt", "between");
    }
    end_tar(&tar);
    make_file("same.tar", tar.data, tar.size);
    tl_string_clear(&tar);
    const char *shard = "same.tar";
    assert_ok(tl_directory_remove("same-shard", err));
    run_import(&shard, 1, "same-shard", &(tl_import_options){.source = {.caption_from = TL_CAPTION_NONE}}, &report);
    assert_int_equal(count_of(&report, "duplicate key"), 1);
}

static void test_all_bad(void **state)
{
    (void)state;
    make_empty_folder("hopeless");
    make_text("hopeless/a.png", "no");
    make_text("hopeless/a.txt", "x");
    tl_import_report report;
    const char *source = "hopeless";
    assert_ok(tl_directory_remove("hopeless-set", err));
    for (int run = 0; run < 2; run++) {
        run_import(&source, 1, "hopeless-set", NULL, &report);
        assert_int_equal(report.imported, 0);
        assert_int_equal(report.skipped, 1);
        assert_int_equal(report.shards, 0);
        assert_false(exists("hopeless-set/00000.tar"));
    }
}

static void test_adding(void **state)
{
    (void)state;
    const char *sources[] = {"first", "second", "first"};
    tl_import_report report;
    tl_import_options options = {.samples_per_shard = 4};
    make_pictures("first", 0, 6);
    make_pictures("second", 3, 6);
    assert_ok(tl_directory_remove("adding", err));
    run_import(sources, 1, "adding", &options, &report);
    assert_int_equal(report.imported, 6);
    assert_int_equal(report.shards, 2);
    run_import(sources, 1, "adding", &options, &report);
    assert_int_equal(report.imported, 6);
    assert_false(exists("adding/00002.tar"));
    run_import(sources + 1, 2, "adding", &options, &report);
    assert_int_equal(report.imported, 12); /* both of this command's sources */
    assert_int_equal(report.shards, 4);
    /* Keys that the first source gave before get the number of the second in front. */
    assert_source("adding", &(tl_source_options){.without_image_bytes = true},
                  "000 0 -1 - ok [picture number 0]\n001 0 -1 - ok [picture number 1]\n002 0 -1 - ok [picture number 2]\n"
                  "003 0 -1 - ok [picture number 3]\n004 0 -1 - ok [picture number 4]\n005 0 -1 - ok [picture number 5]\n"
                  "2/003 0 -1 - ok [picture number 3]\n2/004 0 -1 - ok [picture number 4]\n2/005 0 -1 - ok [picture number 5]\n"
                  "006 0 -1 - ok [picture number 6]\n007 0 -1 - ok [picture number 7]\n008 0 -1 - ok [picture number 8]\n");
    /* In one run shards go on from source to source. */
    assert_ok(tl_directory_remove("together", err));
    run_import(sources, 3, "together", &options, &report);
    assert_int_equal(report.imported, 12);
    assert_int_equal(report.shards, 3);
    run_import(sources + 1, 1, "together", &options, &report);
    assert_int_equal(report.imported, 6);
    assert_int_equal(report.shards, 2);
}

static void test_hold_out(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    unsigned held = 0;
    for (int i = 0; i < COUNT; i++) {
        char key[32];
        snprintf(key, sizeof key, "folder/%d", i);
        bool is_held = tl_import_key_is_held_out(key, 0.05);
        held += is_held;
        assert_true(!is_held || tl_import_key_is_held_out(key, 0.06));
    }
    assert_in_range(held, COUNT / 20 - 150, COUNT / 20 + 150); /* 5 standard deviations */
    for (int i = 0; i < 200; i++) {
        char key[24];
        char turned[48];
        snprintf(key, sizeof key, "a/%d", i);
        snprintf(turned, sizeof turned, "%s%s", key, i % 2 == 0 ? "_mirror" : "_mirror_flip");
        assert_int_equal(tl_import_key_is_held_out(key, 0.5), tl_import_key_is_held_out(turned, 0.5));
    }
    assert_false(tl_import_key_is_held_out("x", 0));
    assert_true(tl_import_key_is_held_out("x", 1));
    /* The same on every machine: the shares at which these keys change sides, from XXH3 of the Python package xxhash 3. */
    assert_false(tl_import_key_is_held_out("animals/fox", 0.0533312));
    assert_true(tl_import_key_is_held_out("animals/fox", 0.0533313));
    assert_false(tl_import_key_is_held_out("57333", 0.9028848));
    assert_true(tl_import_key_is_held_out("57333", 0.9028849));
}

static void test_refused(void **state)
{
    (void)state;
    make_pictures("some", 0, 2);
    make_empty_folder("vacant");
    assert_ok(tl_directory_remove("never", err));
    assert_refused("vacant", "never", NULL, TL_ERROR_INVALID, "vacant': expected pictures, found none");
    assert_refused("not-there", "never", NULL, TL_ERROR_NOT_FOUND, "not-there");
    assert_refused("some", "never", &(tl_import_options){.hold_out = 1.5}, TL_ERROR_INVALID,
                   "expected a share of 0 to 1, found 1.5");
    assert_false(exists("never")); /* nothing is made for a command that cannot be done */
    assert_refused("some", "some", NULL, TL_ERROR_INVALID, "found files but no ledger.db");
    make_text("a-file", "x");
    assert_refused("some", "a-file", NULL, TL_ERROR_INVALID, "found a file");
    tl_import_report report;
    const char *source = "some";
    assert_ok(tl_directory_remove("some-set", err));
    run_import(&source, 1, "some-set", NULL, &report);
    assert_refused("some-set", "some-set", NULL, TL_ERROR_INVALID, "cannot be imported into itself");
    make_empty_folder("foreign");
    make_text("foreign/ledger.db",
              "this is no database, but it is long enough to be looked at as one, is it not? yes, it is.............");
    assert_refused("some", "foreign", NULL, TL_ERROR_CORRUPT, "ledger.db");
}

static void test_stopped_and_resumed(void **state)
{
    (void)state;
    const char *sources[] = {"stop-a", "stop-b"};
    make_pictures("stop-a", 0, 11);
    make_pictures("stop-b", 5, 11);
    make_text("stop-b/007.bmp", "bad");
    tl_import_report whole;
    tl_import_report report;
    tl_import_options options = {.samples_per_shard = 4, .hold_out = 0.3};
    assert_ok(tl_directory_remove("stop-whole", err));
    run_import(sources, 2, "stop-whole", &options, &whole);
    assert_int_equal(whole.imported, 21);
    assert_int_equal(whole.shards, 6);
    for (int calls = 0; calls < 26; calls++) {
        stopper stop = {calls};
        tl_progress progress = {.context = &stop, .cancelled = stop_after};
        options.progress = &progress;
        assert_ok(tl_directory_remove("stop-broken", err));
        tl_error error = {0};
        if (!tl_import_run(sources, 2, "stop-broken", &options, &report, &error))
            assert_int_equal(error.kind, TL_ERROR_CANCELLED);
        else
            assert_true(calls >= 24);
        options.progress = NULL;
        run_import(sources, 2, "stop-broken", &options, &report);
        assert_memory_equal(&report, &whole, sizeof report);
        for (int shard = 0; shard < 6; shard++) {
            char a[64];
            char b[64];
            snprintf(a, sizeof a, "stop-whole/%05d.tar", shard);
            snprintf(b, sizeof b, "stop-broken/%05d.tar", shard);
            assert_same_file(a, b);
        }
        assert_false(exists("stop-broken/00006.tar"));
    }
}

static void test_changed_while_unfinished(void **state)
{
    (void)state;
    make_pictures("change", 0, 9);
    tl_string table;
    tl_string_init(&table, 65536);
    assert_ok(tl_string_append_text(&table, "image,caption\n", err));
    for (int i = 0; i < 9; i++)
        assert_ok(tl_string_append_format(&table, err, "%03d.bmp,text\n", i));
    make_text("change/t.csv", table.data);
    stopper stop = {6};
    tl_progress progress = {.context = &stop, .cancelled = stop_after};
    tl_import_report report;
    tl_error error = {0};
    const char *source = "change/t.csv";
    assert_ok(tl_directory_remove("change-set", err));
    assert_false(tl_import_run(&source, 1, "change-set", &(tl_import_options){.samples_per_shard = 2, .progress = &progress},
                               &report, &error));
    assert_ok(tl_string_append_text(&table, "000.bmp,one more\n", err));
    make_text("change/t.csv", table.data);
    tl_string_clear(&table);
    assert_refused(source, "change-set", &(tl_import_options){.samples_per_shard = 2}, TL_ERROR_INVALID,
                   "found it changed since");
}

/* A table or shard that is in the dataset is not read again, so one that changed must not pass for imported. */
static void test_changed_when_done(void **state)
{
    (void)state;
    static const char changed[] = "changed since it was imported";
    tl_import_report report;
    tl_string tar;
    make_pictures("changed", 0, 3);
    make_text("changed/t.csv", "image,caption\n000.bmp,a\n");
    const char *source = "changed/t.csv";
    assert_ok(tl_directory_remove("changed-set", err));
    run_import(&source, 1, "changed-set", NULL, &report);
    run_import(&source, 1, "changed-set", NULL, &report);
    assert_int_equal(report.imported, 1);
    make_text("changed/t.csv", "image,caption\n000.bmp,a\n001.bmp,b\n");
    assert_refused(source, "changed-set", NULL, TL_ERROR_INVALID, changed);
    tl_string_init(&tar, 1 << 20);
    add_text_member(&tar, "k.txt", "x");
    add_picture_member(&tar, "k.bmp", 1);
    end_tar(&tar);
    make_file("changed.tar", tar.data, tar.size);
    source = "changed.tar";
    run_import(&source, 1, "changed-set", NULL, &report);
    const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    assert_int_equal(utimensat(AT_FDCWD, "changed.tar", times, 0), 0); /* the size is the same */
    assert_refused(source, "changed-set", NULL, TL_ERROR_INVALID, changed);
    tl_string_clear(&tar);
    /* A finished folder counts as imported, whatever came to lie in it since. */
    source = "changed";
    run_import(&source, 1, "changed-set", NULL, &report);
    assert_int_equal(report.imported, 3);
    make_picture("changed/003.bmp", 3);
    make_text("changed/003.txt", "new");
    run_import(&source, 1, "changed-set", NULL, &report);
    assert_int_equal(report.imported, 3);
}

/* Imports pictures 1 to 9 of a new folder up to some finished shards of two. */
static void begin_import(const char *folder, const char *dataset)
{
    stopper stop = {6};
    tl_progress progress = {.context = &stop, .cancelled = stop_after};
    tl_import_report report;
    tl_error error = {0};
    make_pictures(folder, 1, 9);
    assert_ok(tl_directory_remove(dataset, err));
    assert_false(
        tl_import_run(&folder, 1, dataset, &(tl_import_options){.samples_per_shard = 2, .progress = &progress}, &report, &error));
    assert_int_equal(error.kind, TL_ERROR_CANCELLED);
    char path[64];
    snprintf(path, sizeof path, "%s/00001.tar", dataset);
    assert_true(exists(path));
}

static void execute_on_ledger(const char *path, const char *sql)
{
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

/* A folder is passed over by count, so what is passed over must be what was imported. */
static void test_folder_changed_while_unfinished(void **state)
{
    (void)state;
    const tl_import_options options = {.samples_per_shard = 2};
    static const char changed[] = "change-f' changed since the import was stopped: expected the";
    const char *source = "change-f";
    tl_import_report report;
    begin_import(source, "change-f-set"); /* one more in front: the third picture would be stored twice */
    make_picture("change-f/000.bmp", 77);
    make_text("change-f/000.txt", "new");
    assert_refused(source, "change-f-set", &options, TL_ERROR_INVALID, changed);
    assert_int_equal(unlink("change-f/000.bmp"), 0); /* as it was: goes on */
    run_import(&source, 1, "change-f-set", &options, &report);
    assert_int_equal(report.imported, 9);
    begin_import(source, "change-f-set"); /* one fewer: the fifth would be lost */
    assert_int_equal(unlink("change-f/002.bmp"), 0);
    assert_refused(source, "change-f-set", &options, TL_ERROR_INVALID, changed);
    begin_import(source, "change-f-set"); /* another under the same name */
    unsigned char picture[PICTURE_SIZE + 1] = {0};
    draw_picture(2, picture);
    make_file("change-f/002.bmp", picture, sizeof picture);
    assert_refused(source, "change-f-set", &options, TL_ERROR_INVALID, changed);
    begin_import(source, "change-f-set"); /* fewer than were imported */
    for (int i = 2; i < 10; i++) {
        char path[64];
        snprintf(path, sizeof path, "change-f/%03d.bmp", i);
        assert_int_equal(unlink(path), 0);
    }
    assert_refused(source, "change-f-set", &options, TL_ERROR_INVALID, changed);
    begin_import(source, "change-f-set"); /* behind what was imported, a change is none */
    make_picture("change-f/010.bmp", 10);
    make_text("change-f/010.txt", "ten");
    assert_int_equal(unlink("change-f/009.bmp"), 0);
    run_import(&source, 1, "change-f-set", &options, &report);
    assert_int_equal(report.imported, 9);
    begin_import(source, "change-f-set"); /* a ledger of version 1 knows no hash: by count, as it was begun */
    execute_on_ledger("change-f-set/ledger.db", "UPDATE sources SET items_hash = NULL");
    make_picture("change-f/000.bmp", 77);
    run_import(&source, 1, "change-f-set", &options, &report);
    assert_true(report.imported >= 9);
}

/* A cut shard gives the same items whether or not its pictures are read, so that a stopped import of it goes on. */
static void test_damaged_shard_resumed(void **state)
{
    (void)state;
    const char *source = "cut";
    tl_import_report whole;
    tl_import_report report;
    tl_string tar;
    char name[64];
    for (size_t cut = 512; cut <= 4 * 1536 + 512; cut += 400) {
        make_empty_folder("cut");
        for (unsigned shard = 0; shard < 2; shard++) {
            tl_string_init(&tar, 1 << 24);
            for (unsigned i = 0; i < 5; i++) {
                snprintf(name, sizeof name, "k%u-%u.txt", shard, i);
                add_text_member(&tar, name, "x");
                snprintf(name, sizeof name, "k%u-%u.bmp", shard, i);
                add_picture_member(&tar, name, i);
            }
            end_tar(&tar);
            snprintf(name, sizeof name, "cut/%u.tar", shard);
            make_file(name, tar.data, shard == 0 ? cut : tar.size);
            tl_string_clear(&tar);
        }
        assert_ok(tl_directory_remove("cut-whole", err));
        run_import(&source, 1, "cut-whole", &(tl_import_options){.samples_per_shard = 3}, &whole);
        for (int calls = 1; calls < 10; calls += 3) {
            stopper stop = {calls};
            tl_progress progress = {.context = &stop, .cancelled = stop_after};
            assert_ok(tl_directory_remove("cut-set", err));
            (void)!tl_import_run(&source, 1, "cut-set", &(tl_import_options){.samples_per_shard = 3, .progress = &progress},
                                 &report, NULL);
            run_import(&source, 1, "cut-set", &(tl_import_options){.samples_per_shard = 3}, &report);
            assert_memory_equal(&report, &whole, sizeof report);
        }
    }
}

/* A child whose files may not pass a size: what is under a final name is whole, and once there is room the import goes on. */
static void test_no_room(void **state)
{
    (void)state;
    enum { SIDE_BYTES = 60000, COUNT = 12 };
    char path[256];
    static unsigned char picture[SIDE_BYTES];
    make_empty_folder("room");
    for (unsigned i = 0; i < COUNT; i++) {
        draw_picture(i, picture);
        snprintf(path, sizeof path, "room/%02u.bmp", i);
        make_file(path, picture, sizeof picture);
    }
    const char *source = "room";
    tl_import_options options = {.source = {.caption_from = TL_CAPTION_NONE}, .samples_per_shard = 5};
    tl_import_report report;
    assert_ok(tl_directory_remove("room-whole", err));
    run_import(&source, 1, "room-whole", &options, &report);
    assert_int_equal(report.shards, 3);
    assert_ok(tl_directory_remove("room-set", err));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tl_error error = {0};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){250000, 250000});
        bool ok = tl_import_run(&source, 1, "room-set", &options, &report, &error);
        _exit(!ok && error.kind == TL_ERROR_IO && strstr(error.message, "00000.tar") != NULL ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_false(exists("room-set/00000.tar"));
    run_import(&source, 1, "room-set", &options, &report);
    assert_int_equal(report.imported, COUNT);
    assert_same_file("room-whole/00000.tar", "room-set/00000.tar");
    assert_same_file("room-whole/00002.tar", "room-set/00002.tar");
}

static bool wait_to_be_killed(void *context)
{
    (void)context;
    make_text("twice-began", "here");
    while (exists("twice-began"))
        pause();
    return false;
}

/* While one import writes, another is told so and changes nothing; when the first is killed, the way is free. */
static void test_two_at_once(void **state)
{
    (void)state;
    make_pictures("twice", 0, 3);
    assert_ok(tl_directory_remove("twice-set", err));
    (void)unlink("twice-began");
    const char *source = "twice";
    tl_import_report report;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tl_progress progress = {.cancelled = wait_to_be_killed};
        (void)!tl_import_run(&source, 1, "twice-set", &(tl_import_options){.progress = &progress}, &report, NULL);
        _exit(1);
    }
    for (int i = 0; i < 1000 && !exists("twice-began"); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_refused("twice", "twice-set", NULL, TL_ERROR_IO, "another program is writing to it");
    int status;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    run_import(&source, 1, "twice-set", NULL, &report);
    assert_int_equal(report.imported, 3);
}

/* Root may write everywhere, so a child that is nobody tries. */
static void test_unwritable(void **state)
{
    (void)state;
    make_pictures("shut-source", 0, 1);
    assert_int_equal(chmod("shut-source", 0755), 0);
    make_empty_folder("shut");
    assert_int_equal(chmod("shut", 0555), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tl_import_report report;
        tl_error error = {0};
        const char *source = "shut-source";
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(77);
        if (access("shut-source", R_OK | X_OK) != 0)
            _exit(77);
        bool ok = tl_import_run(&source, 1, "shut/set", NULL, &report, &error);
        _exit(!ok && error.kind == TL_ERROR_IO && strstr(error.message, "shut/set") != NULL ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod("shut", 0755), 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("skipped: nobody cannot get to this folder\n");
        skip();
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_false(exists("shut/set"));
}

static void test_stamps(void **state)
{
    (void)state;
    const char *source = "/usr/share/tuxpaint/stamps";
    if (!exists(source)) {
        print_message("skipped: tuxpaint-stamps-default is not installed\n");
        skip();
    }
    tl_import_report report;
    assert_ok(tl_directory_remove("stamps", err));
    run_import(&source, 1, "stamps", &(tl_import_options){.samples_per_shard = 250}, &report);
    assert_true(report.imported >= 700);
    assert_int_equal(report.shards, (report.imported + 249) / 250);
    assert_int_equal(report.skipped, count_of(&report, "no caption"));
    tl_source *dataset = NULL;
    assert_ok(tl_source_open("stamps", NULL, &dataset, err));
    uint64_t good = 0;
    for (;; good++) {
        tl_sample sample;
        bool done;
        assert_ok(tl_source_next(dataset, &sample, &done, err));
        if (done)
            break;
        assert_null(sample.skip_reason);
        assert_true(sample.caption_count == 1 && sample.captions[0].size > 1 &&
                    strstr(sample.captions[0].data, ".utf8=") == NULL);
    }
    assert_int_equal(good, report.imported);
    tl_source_close(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_reasons),
                                       cmocka_unit_test(test_same_keys),
                                       cmocka_unit_test(test_all_bad),
                                       cmocka_unit_test(test_adding),
                                       cmocka_unit_test(test_hold_out),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_stopped_and_resumed),
                                       cmocka_unit_test(test_changed_while_unfinished),
                                       cmocka_unit_test(test_folder_changed_while_unfinished),
                                       cmocka_unit_test(test_damaged_shard_resumed),
                                       cmocka_unit_test(test_changed_when_done),
                                       cmocka_unit_test(test_no_room),
                                       cmocka_unit_test(test_two_at_once),
                                       cmocka_unit_test(test_unwritable),
                                       cmocka_unit_test(test_stamps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
