/* The folder source over folders made for it: order, sidecars, odd names, links, and what is skipped. */
#include "made_files.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_order_and_captions(void **state)
{
    (void)state;
    make_empty_folder("order");
    make_picture("order/b/1.png", 1);
    make_text("order/b/1.txt", "one\n");
    make_picture("order/b.png", 2);
    make_text("order/b.txt", "\xef\xbb\xbf\r\n two  words \r\nde.utf8=zwei");
    make_picture("order/B.JPG", 3);
    make_text("order/B.TXT", "upper");
    make_picture("order/b-c/x.gif", 4);
    make_text("order/b-c/x.Txt", "dash");
    make_picture("order/\xc3\xbc/f\xc3\xbc.webp", 5);
    make_text("order/\xc3\xbc/f\xc3\xbc.txt", "\xc3\xbc");
    make_text("order/notes.txt", "no picture");
    make_picture("order/.hidden.png", 6);
    make_picture("order/.git/x.png", 7);
    /* Bytes of whole paths: "B.JPG" < "b-c/" < "b.png" < "b/". */
    assert_source("order", NULL,
                  "B 70 -1 - ok [upper]\n"
                  "b-c/x 70 -1 - ok [dash]\n"
                  "b 70 -1 - ok [two words]\n"
                  "b/1 70 -1 - ok [one]\n"
                  "\xc3\xbc/f\xc3\xbc 70 -1 - ok [\xc3\xbc]\n");
    assert_source("order", &(tl_source_options){.caption_from = TL_CAPTION_FROM_NAME, .without_image_bytes = true},
                  "B 0 -1 - ok [upper]\n"
                  "b-c/x 0 -1 - ok [dash]\n"
                  "b 0 -1 - ok [two words]\n"
                  "b/1 0 -1 - ok [one]\n"
                  "\xc3\xbc/f\xc3\xbc 0 -1 - ok [\xc3\xbc]\n");
}

/* A sidecar, else the name where that is asked for; a turned picture has the sidecar of the straight one. */
static void test_caption_sources(void **state)
{
    (void)state;
    make_empty_folder("sources");
    make_picture("sources/a.png", 1);
    make_text("sources/a.txt", "A fox.");
    make_picture("sources/a_mirror.png", 2);
    make_picture("sources/a_mirror_flip.png", 3);
    make_picture("sources/b_flip.png", 4);
    make_text("sources/b_flip.txt", "its own");
    make_text("sources/b.txt", "another");
    make_picture("sources/_mirror.png", 5);
    make_picture("sources/red_fox-12.png", 6);
    assert_source("sources", NULL,
                  "_mirror 0 -1 - no caption\n"
                  "a 70 -1 - ok [A fox.]\n"
                  "a_mirror 70 -1 - ok [A fox.]\n"
                  "a_mirror_flip 70 -1 - ok [A fox.]\n"
                  "b_flip 70 -1 - ok [its own]\n"
                  "red_fox-12 0 -1 - no caption\n");
    assert_source("sources", &(tl_source_options){.caption_from = TL_CAPTION_FROM_NAME},
                  "_mirror 70 -1 - ok [mirror]\n"
                  "a 70 -1 - ok [A fox.]\n"
                  "a_mirror 70 -1 - ok [A fox.]\n"
                  "a_mirror_flip 70 -1 - ok [A fox.]\n"
                  "b_flip 70 -1 - ok [its own]\n"
                  "red_fox-12 70 -1 - ok [red fox]\n");
}

static void test_metadata(void **state)
{
    (void)state;
    make_empty_folder("metadata");
    make_picture("metadata/a.png", 1);
    make_text("metadata/a.json",
              "{\"captions\": [\"first\", \"second\", \"\", 7], \"split\": \"test\", \"label\": 4, \"url\": \"http://x/a\"}");
    make_picture("metadata/b.png", 2);
    make_text("metadata/b.txt", "second");
    make_text("metadata/b.json", "{\"captions\": [\"first\", \"second\", \" second \", \"third\"], \"label\": 4}");
    make_text("metadata/b.cls", "12\n");
    make_picture("metadata/c.png", 3);
    make_text("metadata/c.json", "{\"caption\": \"only\", \"label\": \"cat\"}");
    make_text("metadata/c.cls", "cat");
    make_picture("metadata/d.png", 4);
    make_text("metadata/d.txt", "fine");
    make_text("metadata/d.json", "{\"caption\": ");
    make_picture("metadata/e.png", 5);
    make_text("metadata/e.txt", "fine");
    make_text("metadata/e.json", "[1]");
    make_picture("metadata/f.png", 6);
    make_text("metadata/f.txt", "fine");
    make_text("metadata/f.cls", "-5");
    assert_source("metadata", NULL,
                  "a 70 4 test ok [first] [second]\n"
                  "b 70 12 - ok [second] [first] [third]\n"
                  "c 70 -1 - ok [only]\n"
                  "d 0 -1 - broken json [fine]\n"
                  "e 0 -1 - broken json [fine]\n"
                  "f 70 -1 - ok [fine]\n");
}

static char *letters(size_t count)
{
    char *text = tl_memory_allocate(count + 1, 1, NULL);
    assert_non_null(text);
    memset(text, 'x', count);
    return text;
}

/* Captions, urls and splits end at 64 KiB, counted after cleaning; nothing that was written may stop a later job. */
static void test_long_texts(void **state)
{
    (void)state;
    enum { MOST = 64 * 1024 };
    char *huge = letters(1500000);
    char *more = letters(MOST + 1);
    tl_string text;
    tl_string_init(&text, 1 << 23);
    make_empty_folder("long");
    make_picture("long/a.png", 1);
    make_text("long/a.txt", huge);
    make_picture("long/b.png", 2);
    make_text("long/b.txt", more);
    assert_ok(tl_string_append_format(&text, err, "{\"captions\": [\"%s\", \"short\"], \"url\": \"%s\", \"split\": \"%s\"}", huge,
                                      more, more));
    make_text("long/b.json", text.data);
    tl_string_reset(&text);
    make_picture("long/c.png", 3);
    assert_ok(tl_string_append_format(&text, err, "  %s  ", more + 1));
    make_text("long/c.txt", text.data);
    tl_string_reset(&text);
    assert_ok(tl_string_append_format(&text, err, "{\"url\": \"%s\", \"split\": \"%s\"}", more + 1, more + 1));
    make_text("long/c.json", text.data);
    for (int from_name = 0; from_name < 2; from_name++) {
        tl_source *source = NULL;
        tl_sample sample;
        bool done;
        const tl_source_options options = {.caption_from = from_name ? TL_CAPTION_FROM_NAME : TL_CAPTION_FROM_SIDECAR};
        assert_ok(tl_source_open("long", &options, &source, err));
        assert_ok(tl_source_next(source, &sample, &done, err));
        assert_string_equal(sample.skip_reason, "caption too long");
        assert_int_equal(sample.caption_count, 0);
        assert_ok(tl_source_next(source, &sample, &done, err));
        assert_null(sample.skip_reason);
        assert_true(sample.caption_count == 1 && strcmp(sample.captions[0].data, "short") == 0);
        assert_true(sample.url == NULL && sample.split == NULL);
        assert_ok(tl_source_next(source, &sample, &done, err));
        assert_null(sample.skip_reason);
        assert_true(sample.caption_count == 1 && sample.captions[0].size == MOST);
        assert_true(strlen(sample.url) == MOST && strlen(sample.split) == MOST);
        tl_source_close(source);
    }
    tl_string_clear(&text);
    tl_memory_free(huge);
    tl_memory_free(more);
}

static void test_skipped(void **state)
{
    (void)state;
    make_empty_folder("skipped");
    make_picture("skipped/a.png", 1);
    make_file("skipped/b.png", "", 0);
    make_picture("skipped/c.png", 2);
    make_text("skipped/c.txt", "caf\xe9");
    make_picture("skipped/d.png", 2);
    make_text("skipped/d.txt", "de.utf8=Fuchs\n");
    assert_int_equal(symlink("nowhere.png", "skipped/e.png"), 0);
    assert_int_equal(mkfifo("skipped/f.png", 0600), 0);
    make_folder("skipped/g.png");
    make_picture("skipped/h\xff.png", 3);
    assert_source("skipped", NULL,
                  "a 0 -1 - no caption\n"
                  "b 0 -1 - empty file\n"
                  "c 0 -1 - caption not utf-8\n"
                  "d 0 -1 - no caption\n"
                  "e 0 -1 - missing file\n"
                  "f 0 -1 - not a picture\n"
                  "h_ 0 -1 - no caption\n");
    /* Where captions are not needed they are still handed over, and a bad one is no reason to skip. */
    assert_source("skipped", &(tl_source_options){.caption_from = TL_CAPTION_NONE},
                  "a 70 -1 - ok\n"
                  "b 0 -1 - empty file\n"
                  "c 70 -1 - ok\n"
                  "d 70 -1 - ok\n"
                  "e 0 -1 - missing file\n"
                  "f 0 -1 - not a picture\n"
                  "h_ 70 -1 - ok\n");
    assert_source("skipped", &(tl_source_options){.caption_from = TL_CAPTION_FROM_NAME},
                  "a 70 -1 - ok [a]\n"
                  "b 0 -1 - empty file\n"
                  "c 0 -1 - caption not utf-8\n"
                  "d 70 -1 - ok [d]\n"
                  "e 0 -1 - missing file\n"
                  "f 0 -1 - not a picture\n"
                  "h_ 0 -1 - caption not utf-8\n");
}

static void test_links(void **state)
{
    (void)state;
    make_empty_folder("links");
    make_picture("links/a/x.png", 1);
    assert_int_equal(symlink("..", "links/a/up"), 0);
    assert_int_equal(symlink(".", "links/a/self"), 0);
    assert_int_equal(symlink("a", "links/again"), 0);
    assert_int_equal(symlink("a", "links/once-more"), 0);
    assert_int_equal(symlink("a/x.png", "links/y.png"), 0);
    assert_source("links", &(tl_source_options){.caption_from = TL_CAPTION_NONE},
                  "a/x 70 -1 - ok\n"
                  "again/x 70 -1 - ok\n"
                  "y 70 -1 - ok\n");
    /* Eight folders of links to all eight: without the rule for links, 8! ways down. */
    make_empty_folder("knot");
    for (int i = 0; i < 8; i++) {
        char name[64];
        char target[64];
        snprintf(name, sizeof name, "knot/%d/x.png", i);
        make_picture(name, 1);
        for (int j = 0; j < 8; j++) {
            snprintf(name, sizeof name, "knot/%d/to%d", i, j);
            snprintf(target, sizeof target, "../%d", j);
            assert_int_equal(symlink(target, name), 0);
        }
    }
    tl_string found;
    describe_source("knot", &(tl_source_options){.caption_from = TL_CAPTION_NONE}, &found);
    size_t lines = 0;
    for (const char *at = found.data; *at != '\0'; at++)
        lines += *at == '\n';
    assert_true(lines >= 8 && lines <= 16);
    tl_string_clear(&found);
}

/* Only what is gone is passed over in silence; where the system tells nothing, more may be there than is seen. */
static void test_unreadable_names(void **state)
{
    (void)state;
    char target[400];
    const tl_source_options options = {.caption_from = TL_CAPTION_NONE};
    memset(target, 'x', sizeof target - 1);
    target[sizeof target - 1] = '\0'; /* longer than a name may be, so that following the link fails, and not with ENOENT */
    make_empty_folder("mounts");
    make_picture("mounts/a.png", 1);
    assert_int_equal(symlink(target, "mounts/far"), 0);
    assert_int_equal(symlink(target, "mounts/far2"), 0);
    assert_int_equal(symlink("nowhere", "mounts/gone"), 0);
    assert_int_equal(symlink("round", "mounts/round"), 0);
    make_picture("mounts/z.png", 2);
    assert_source("mounts", &options, "a 70 -1 - ok\nfar/ 0 -1 - unreadable folder\nz 70 -1 - ok\n");
}

/* A folder that may be listed but not entered (mode r--): as root everything may be entered, so a child that is nobody looks. */
static void test_locked_folder(void **state)
{
    (void)state;
    make_empty_folder("locked");
    make_picture("locked/a.png", 1);
    make_picture("locked/shut/b.png", 2);
    make_picture("locked/shut/c.png", 3);
    assert_int_equal(chmod("locked", 0755), 0);
    assert_int_equal(chmod("locked/shut", 0444), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tl_source *source = NULL;
        tl_sample sample;
        bool done = false;
        tl_error error;
        if ((geteuid() == 0 && setuid(65534) != 0) || access("locked", R_OK | X_OK) != 0)
            _exit(77);
        const tl_source_options options = {.caption_from = TL_CAPTION_NONE};
        bool ok = tl_source_open("locked", &options, &source, &error) && tl_source_next(source, &sample, &done, &error) &&
                  sample.skip_reason == NULL && tl_source_next(source, &sample, &done, &error) && !done &&
                  sample.skip_reason != NULL && strcmp(sample.skip_reason, "unreadable folder") == 0 &&
                  tl_source_next(source, &sample, &done, &error) && done;
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod("locked/shut", 0755), 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("skipped: nobody cannot get to this folder\n");
        skip();
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_nothing(void **state)
{
    (void)state;
    make_empty_folder("nothing");
    assert_not_opened("nothing", NULL, TL_ERROR_INVALID, "expected pictures, found none");
    make_text("nothing/deep/er/readme.txt", "x");
    assert_not_opened("nothing", NULL, TL_ERROR_INVALID, "nothing': expected pictures, found none");
    assert_not_opened("not-there", NULL, TL_ERROR_NOT_FOUND, "not-there");
    assert_not_opened("/dev/null", NULL, TL_ERROR_INVALID, "found a device or pipe");
    make_picture("nothing/one.png", 1);
    assert_not_opened("nothing/one.png", NULL, TL_ERROR_INVALID, "found one picture");
    make_text("nothing/empty.csv", "");
    assert_not_opened("nothing/empty.csv", NULL, TL_ERROR_INVALID, "found an empty file");
    make_file("nothing/x.bin", "\0\1\2", 3);
    assert_not_opened("nothing/x.bin", NULL, TL_ERROR_UNSUPPORTED, "found a file of another kind");
}

static bool wants_second(void *context, const tl_sample *sample)
{
    ++*(int *)context;
    assert_int_equal(sample->size, PICTURE_SIZE);
    assert_true(sample->modified_ns > 0 && sample->image.size == 0);
    assert_int_equal(sample->caption_count, 1);
    return strcmp(sample->path, "b.png") == 0;
}

static void test_asked_first(void **state)
{
    (void)state;
    int asked = 0;
    make_empty_folder("asked");
    make_picture("asked/a.png", 1);
    make_text("asked/a.txt", "a");
    make_picture("asked/b.png", 2);
    make_text("asked/b.txt", "b");
    make_picture("asked/c.png", 2);
    assert_source("asked", &(tl_source_options){.wants_bytes = wants_second, .context = &asked},
                  "a 0 -1 - ok [a]\n"
                  "b 70 -1 - ok [b]\n"
                  "c 0 -1 - no caption\n");
    assert_int_equal(asked, 2);
}

static void test_read_image(void **state)
{
    (void)state;
    tl_string bytes;
    unsigned char expected[PICTURE_SIZE];
    tl_string_init(&bytes, 1000);
    make_empty_folder("read");
    make_picture("read/a/x#1.png", 77);
    draw_picture(77, expected);
    assert_ok(tl_source_read_image("read", "a/x#1.png", &bytes, err));
    assert_int_equal(bytes.size, PICTURE_SIZE);
    assert_memory_equal(bytes.data, expected, PICTURE_SIZE);
    /* A file may be called like a sample of a shard. */
    make_picture("read/x.tar#1.png", 78);
    tl_string_reset(&bytes);
    assert_ok(tl_source_read_image("read", "x.tar#1.png", &bytes, err));
    tl_error error = {0};
    assert_false(tl_source_read_image("read", "gone.png", &bytes, &error));
    assert_int_equal(error.kind, TL_ERROR_NOT_FOUND);
    tl_string_clear(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_captions), cmocka_unit_test(test_caption_sources), cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_long_texts),         cmocka_unit_test(test_skipped),         cmocka_unit_test(test_links),
        cmocka_unit_test(test_unreadable_names),   cmocka_unit_test(test_locked_folder),   cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_asked_first),        cmocka_unit_test(test_read_image)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
