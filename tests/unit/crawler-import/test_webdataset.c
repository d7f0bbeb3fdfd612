/* The shard source: grouping, metadata, caps, hostile names, damage at every byte, and tars written by others. */
#include "made_files.h"

#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crawler-import/archive/tar.h"

static void make_tar(const char *path, tl_string *tar)
{
    end_tar(tar);
    make_file(path, tar->data, tar->size);
    tl_string_clear(tar);
}

static void test_grouping(void **state)
{
    (void)state;
    tl_string tar;
    tl_string_init(&tar, 1 << 24);
    make_empty_folder("group");
    add_member(&tar, "./", '5', "", 0);
    add_picture_member(&tar, "./a.bmp", 1);
    add_text_member(&tar, "./a.txt", "  one\nrest ");
    add_text_member(&tar, "b.json", "{\"captions\": [\"x\", \"y\"], \"split\": \"train\", \"label\": 3}");
    add_picture_member(&tar, "b.bmp", 2);
    add_text_member(&tar, "b.txt", "y");
    add_text_member(&tar, "b.cls", "4");
    add_picture_member(&tar, "v1.0/c.BMP", 3);
    add_text_member(&tar, "v1.0/c.Txt", "three");
    add_picture_member(&tar, "d.seg.bmp", 4);
    add_text_member(&tar, "d.txt", "no picture: the extension is seg.bmp");
    add_picture_member(&tar, "._e.bmp", 5); /* what macOS puts in tars */
    add_text_member(&tar, "README", "no sample");
    add_picture_member(&tar, "e.png", 6);
    add_picture_member(&tar, "e.jpg", 7); /* the second picture does not count */
    add_text_member(&tar, "e.txt", "five");
    add_picture_member(&tar, "a.bmp", 8); /* no neighbour of the first a */
    add_member(&tar, "f.bmp", '0', "", 0);
    add_text_member(&tar, "f.txt", "empty");
    add_picture_member(&tar, "g.bmp", 9);
    add_text_member(&tar, "g.json", "{\"captions\": \"no list\", \"caption\": \"from caption\"}");
    make_tar("group/x.tar", &tar);
    static const char expected[] = "a 70 -1 - ok [one]\n"
                                   "b 70 4 train ok [y] [x]\n"
                                   "v1_0/c 70 -1 - ok [three]\n"
                                   "d 0 -1 - no picture [no picture: the extension is seg.bmp]\n"
                                   "e 70 -1 - ok [five]\n"
                                   "a 0 -1 - no caption\n"
                                   "f 0 -1 - empty file [empty]\n"
                                   "g 70 -1 - ok [from caption]\n";
    assert_source("group/x.tar", NULL, expected);
    assert_source("group", NULL, expected);
    assert_int_equal(rename("group/x.tar", "group/shard-without-extension"), 0);
    assert_source("group/shard-without-extension", NULL, expected);
}

static void make_small_shard(const char *path)
{
    tl_string tar;
    tl_string_init(&tar, 1 << 24);
    add_picture_member(&tar, "inside.bmp", 1);
    make_tar(path, &tar);
}

/* An archive beside folders of pictures does not turn the library into a dataset; our ledger does. */
static void test_what_is_a_dataset(void **state)
{
    (void)state;
    const tl_source_options options = {.caption_from = TL_CAPTION_NONE};
    make_empty_folder("library");
    make_picture("library/holidays/sea.bmp", 2);
    make_small_shard("library/backup.tar");
    assert_int_equal(system("gzip library/backup.tar"), 0);
    assert_source("library", &options, "holidays/sea 70 -1 - ok\n");
    make_empty_folder("library-linked");
    make_small_shard("library-linked/backup.tar");
    assert_int_equal(symlink("../library/holidays", "library-linked/holidays"), 0);
    assert_source("library-linked", &options, "holidays/sea 70 -1 - ok\n");
    /* A folder that the system tells nothing of is one as well: here a link to too long a name. */
    char target[400];
    memset(target, 'x', sizeof target - 1);
    target[sizeof target - 1] = '\0';
    make_empty_folder("library-far");
    make_small_shard("library-far/backup.tar");
    assert_int_equal(symlink(target, "library-far/holidays"), 0);
    assert_source("library-far", &options, "holidays/ 0 -1 - unreadable folder\n");
    make_empty_folder("library-flat");
    make_small_shard("library-flat/backup.tar");
    make_picture("library-flat/sky.bmp", 3);
    assert_source("library-flat", &options, "sky 70 -1 - ok\n");
    make_empty_folder("library-ledger");
    make_small_shard("library-ledger/00000.tar");
    make_picture("library-ledger/holidays/sea.bmp", 2);
    make_picture("library-ledger/sky.bmp", 3);
    make_folder("library-ledger/00001.tar"); /* no shard, whatever its name */
    make_text("library-ledger/ledger.db", "");
    assert_source("library-ledger", &options, "inside 70 -1 - ok\n");
}

static void test_dataset_folder(void **state)
{
    (void)state;
    make_empty_folder("set");
    static const char *const names[] = {"set/b.tar", "set/a.tar", "set/.c.tar", "set/notes.txt"};
    for (unsigned i = 0; i < 4; i++) {
        char key[64];
        tl_string tar;
        tl_string_init(&tar, 1 << 24);
        snprintf(key, sizeof key, "k%u.bmp", i);
        add_picture_member(&tar, key, i);
        make_tar(names[i], &tar);
    }
    assert_int_equal(system("gzip -c set/a.tar > set/c.tar.gz && gzip -c set/b.tar > set/d.TGZ"), 0);
    make_folder("set/.hidden");
    tl_source_options options = {.caption_from = TL_CAPTION_NONE};
    assert_source("set", &options, "k1 70 -1 - ok\nk0 70 -1 - ok\nk1 70 -1 - ok\nk0 70 -1 - ok\n");
    options.caption_from = TL_CAPTION_FROM_NAME;
    options.without_image_bytes = true;
    assert_source("set", &options, "k1 0 -1 - ok [k]\nk0 0 -1 - ok [k]\nk1 0 -1 - ok [k]\nk0 0 -1 - ok [k]\n");
    tl_source *source = NULL;
    tl_sample sample;
    bool done;
    tl_string bytes;
    tl_string_init(&bytes, 1000);
    options = (tl_source_options){.caption_from = TL_CAPTION_NONE};
    assert_ok(tl_source_open("set", &options, &source, err));
    assert_string_equal(tl_source_kind_name(source), "webdataset");
    for (int i = 0; i < 4; i++) {
        assert_ok(tl_source_next(source, &sample, &done, err));
        assert_string_equal(sample.root, tl_source_root(source));
        assert_string_equal(sample.path, sample.origin);
        assert_true(sample.size == PICTURE_SIZE && sample.modified_ns > 0);
        tl_string_reset(&bytes);
        assert_ok(tl_source_read_image(sample.root, sample.path, &bytes, err));
        assert_true(tl_slice_equal(tl_string_slice(&bytes), sample.image));
    }
    assert_string_equal(sample.path, "d.TGZ#k0");
    tl_source_close(source);
    tl_error error = {0};
    assert_false(tl_source_read_image("set", "a.tar#nobody", &bytes, &error));
    assert_int_equal(error.kind, TL_ERROR_NOT_FOUND);
    assert_false(tl_source_read_image("set", "gone.tar#k1", &bytes, &error));
    assert_int_equal(error.kind, TL_ERROR_NOT_FOUND);
    tl_string_clear(&bytes);
    tl_string_init(&bytes, PICTURE_SIZE - 1);
    assert_false(tl_source_read_image("set", "a.tar#k1", &bytes, &error));
    assert_int_equal(error.kind, TL_ERROR_INVALID);
    tl_string_clear(&bytes);
    /* Pictures beside shards make a folder of pictures, unless there is a ledger. */
    make_picture("set/loose.png", 1);
    assert_source("set", &options, "loose 70 -1 - ok\n");
    make_text("set/ledger.db", "");
    assert_source("set", &options, "k1 70 -1 - ok\nk0 70 -1 - ok\nk1 70 -1 - ok\nk0 70 -1 - ok\n");
}

static void test_hostile_names(void **state)
{
    (void)state;
    tl_string tar;
    tl_string_init(&tar, 1 << 24);
    make_empty_folder("hostile");
    add_picture_member(&tar, "/tmp/abs.bmp", 1);
    add_picture_member(&tar, "../../up.bmp", 2);
    add_member(&tar, "link.bmp", '2', "", 0);
    add_member(&tar, "hard.bmp", '1', "", 0);
    add_member(&tar, "device.bmp", '3', "", 0);
    add_member(&tar, "pipe.bmp", '6', "", 0);
    add_member(&tar, "folder.bmp/", '5', "", 0);
    add_picture_member(&tar, "b\xff\x01.bmp", 3);
    make_tar("hostile/x.tar", &tar);
    assert_source("hostile/x.tar", &(tl_source_options){.caption_from = TL_CAPTION_NONE},
                  "tmp/abs 70 -1 - ok\n"
                  "__/__/up 70 -1 - ok\n"
                  "b__ 70 -1 - ok\n");
    tl_file_status status;
    assert_ok(tl_file_status_read("/tmp/abs.bmp", &status, err));
    assert_int_equal(status.kind, TL_FILE_MISSING);
    tl_string bytes;
    tl_string_init(&bytes, 1000);
    assert_ok(tl_source_read_image("hostile", "x.tar#b__", &bytes, err));
    assert_int_equal(bytes.size, PICTURE_SIZE);
    tl_string_clear(&bytes);
}

/* Names of links' targets are never followed, and a NUL inside a name ends it. */
static void test_hostile_links_and_nul(void **state)
{
    static const char nul_name[] = "29 path=cut.bmp\0/../../x.bmp\n";
    (void)state;
    tl_string tar;
    tl_string_init(&tar, 1 << 24);
    make_empty_folder("links");
    make_picture("links/secret.bin", 1);
    for (int i = 0; i < 2; i++) {
        size_t start = tar.size;
        add_member(&tar, i == 0 ? "soft.bmp" : "hard.bmp", i == 0 ? '2' : '1', "", 0);
        memcpy(tar.data + start + 157, "links/secret.bin", 16);
        seal_header(tar.data + start);
    }
    add_picture_member(&tar, "soft.bmp/inside.bmp", 2); /* would be written through the link */
    add_picture_member(&tar, "hard.bmp", 3);            /* a file of its own, of the same name */
    size_t start = tar.size;
    add_picture_member(&tar, "seen.bmp", 4);
    memcpy(tar.data + start + 9, "../../unseen.bmp", 16);
    seal_header(tar.data + start);
    add_member(&tar, "pax", 'x', nul_name, sizeof nul_name - 1);
    add_picture_member(&tar, "ignored.bmp", 5);
    make_tar("links/x.tar", &tar);
    assert_source("links/x.tar", &(tl_source_options){.caption_from = TL_CAPTION_NONE},
                  "soft_bmp/inside 70 -1 - ok\n"
                  "hard 70 -1 - ok\n"
                  "seen 70 -1 - ok\n"
                  "cut 70 -1 - ok\n");
}

/* Whatever a shard's names say, an import writes its dataset and nothing else. */
static void test_hostile_import(void **state)
{
    static const char *const names[] = {"../up.bmp", "../../up.bmp", "a/../../../up.bmp", "..bmp/up.bmp", "/cage-absolute.bmp"};
    const char *source = "cage/in/x.tar";
    const tl_import_options options = {.source.caption_from = TL_CAPTION_NONE};
    tl_import_report report;
    tl_string tar;
    tl_file_status status;
    (void)state;
    tl_string_init(&tar, 1 << 24);
    make_empty_folder("cage");
    make_empty_folder("cage/in");
    add_member(&tar, "way", '2', "", 0);
    memcpy(tar.data + 157, "../..", 5);
    seal_header(tar.data);
    add_picture_member(&tar, "way/up.bmp", 9);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        add_picture_member(&tar, names[i], i);
    make_tar(source, &tar);
    assert_ok(tl_import_run(&source, 1, "cage/in/out", &options, &report, err));
    assert_int_equal(report.imported, 6);
    assert_int_equal(system("test \"$(find cage | LC_ALL=C sort | grep -v '^cage/in/out/' | tr '\\n' ' ')\" = "
                            "'cage cage/in cage/in/out cage/in/x.tar '"),
                     0);
    assert_int_equal(system("test -z \"$(find cage/in/out -mindepth 2)\" && test -z \"$(find . .. -maxdepth 1 -name up.bmp)\""),
                     0);
    assert_ok(tl_file_status_read("/cage-absolute.bmp", &status, err));
    assert_int_equal(status.kind, TL_FILE_MISSING);
}

/* Sizes that the file cannot have: as the ustar field, in base 256, below zero, and as a pax header. */
static void test_hostile_sizes(void **state)
{
    static const char pax_size[] = "28 size=9223372036854775807\n";
    static const char *const expected[] = {"lie 0 -1 - member too large\n", "lie 0 -1 - member too large\n", "", ""};
    (void)state;
    make_empty_folder("sizes");
    for (int i = 0; i < 4; i++) {
        char path[32];
        tl_string tar;
        tl_string_init(&tar, 1 << 24);
        add_picture_member(&tar, "good.bmp", 1);
        if (i == 3)
            add_member(&tar, "pax", 'x', pax_size, sizeof pax_size - 1);
        size_t start = tar.size;
        add_header(&tar, "lie.bmp", '0', ((uint64_t)8 << 30) - 1);
        if (i == 1 || i == 2) {
            memset(tar.data + start + 124, i == 1 ? 0 : 0xff, 12);
            tar.data[start + 124] = (char)(i == 1 ? 0x80 : 0xff);
            tar.data[start + 130] = 0x40;
            seal_header(tar.data + start);
        }
        assert_ok(tl_string_append_text(&tar, "few bytes", err));
        snprintf(path, sizeof path, "sizes/%d.tar", i);
        make_tar(path, &tar);
        char lines[128];
        snprintf(lines, sizeof lines, "good 70 -1 - ok\n%s_ 0 -1 - damaged archive\n", expected[i]);
        assert_source(path, &(tl_source_options){.caption_from = TL_CAPTION_NONE}, lines);
    }
}

/* Holes are zeros, up to the cap of any other member. */
static void test_sparse(void **state)
{
    static const char *const formats[] = {"gnu", "pax --sparse-version=0.0", "pax --sparse-version=0.1",
                                          "pax --sparse-version=1.0"};
    (void)state;
    make_empty_folder("holes");
    make_empty_folder("sparse");
    make_picture("holes/a.bmp", 1);
    make_picture("holes/b.bmp", 2);
    make_picture("holes/c.bmp", 3);
    assert_int_equal(truncate("holes/a.bmp", 1 << 20), 0);
    assert_int_equal(truncate("holes/b.bmp", (off_t)8 << 30), 0);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        char command[256];
        tl_file_status status;
        tl_string bytes;
        tl_string whole;
        snprintf(command, sizeof command, "tar -S --format=%s --sort=name -C holes -cf sparse/x.tar a.bmp b.bmp c.bmp",
                 formats[i]);
        assert_int_equal(system(command), 0);
        assert_ok(tl_file_status_read("sparse/x.tar", &status, err));
        assert_true(status.size < 1 << 20); /* the holes are not in it */
        assert_source("sparse/x.tar", &(tl_source_options){.caption_from = TL_CAPTION_NONE},
                      "a 1048576 -1 - ok\n"
                      "b 0 -1 - member too large\n"
                      "c 70 -1 - ok\n");
        tl_string_init(&bytes, 1 << 21);
        assert_ok(tl_source_read_image("sparse", "x.tar#a", &bytes, err));
        read_whole("holes/a.bmp", &whole);
        assert_true(tl_slice_equal(tl_string_slice(&bytes), tl_string_slice(&whole)));
        tl_string_clear(&whole);
        tl_string_clear(&bytes);
    }
    assert_ok(tl_directory_remove("holes", err));
}

static void test_caps(void **state)
{
    (void)state;
    tl_string tar;
    tl_string_init(&tar, (size_t)1 << 28);
    make_empty_folder("caps");
    char *large = tl_memory_allocate((size_t)130 << 20, 1, NULL);
    assert_non_null(large);
    add_member(&tar, "a.bmp", '0', large, (size_t)130 << 20);
    add_text_member(&tar, "a.txt", "too large");
    memset(large, 'x', 5 << 20);
    add_picture_member(&tar, "b.bmp", 1);
    add_member(&tar, "b.txt", '0', large, 5 << 20);
    add_picture_member(&tar, "c.bmp", 1);
    add_text_member(&tar, "c.txt", "fine");
    tl_memory_free(large);
    make_tar("caps/x.tar", &tar);
    assert_source("caps/x.tar", NULL,
                  "a 0 -1 - member too large [too large]\n"
                  "b 0 -1 - member too large\n"
                  "c 70 -1 - ok [fine]\n");
    assert_ok(tl_directory_remove("caps", err));
}

/* However the file is cut: whole samples before the cut, then at most one skipped one, never an error. */
static void test_cut_everywhere(void **state)
{
    (void)state;
    tl_string tar;
    tl_string_init(&tar, 1 << 24);
    make_empty_folder("cut");
    for (unsigned i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "k%u.bmp", i);
        add_picture_member(&tar, name, i);
        snprintf(name, sizeof name, "k%u.txt", i);
        add_text_member(&tar, name, "text");
    }
    size_t end = tar.size;
    end_tar(&tar);
    for (size_t size = 513; size < tar.size; size += size % 512 < 80 ? 1 : 37) {
        tl_source *source = NULL;
        make_file("cut/x.tar", tar.data, size);
        assert_ok(tl_source_open("cut/x.tar", NULL, &source, err));
        size_t good = 0;
        size_t bad = 0;
        for (;;) {
            tl_sample sample;
            bool done = false;
            assert_ok(tl_source_next(source, &sample, &done, err));
            if (done)
                break;
            assert_true(bad == 0);
            if (sample.skip_reason != NULL && strcmp(sample.skip_reason, "damaged archive") == 0)
                bad++;
            else if (sample.skip_reason != NULL)
                assert_string_equal(sample.skip_reason, "no caption"); /* cut between picture and text */
            else
                good++;
        }
        tl_source_close(source);
        size_t whole = (size + 511) / 512 / 4; /* a sample takes four blocks; padding may be cut */
        size_t least = size / 2048;
        assert_true(good >= (least < 3 ? least : 3) && good <= whole);
        if (size >= end)
            assert_int_equal(good, 3);
    }
    /* A header that is not one, in the middle: the next shard goes on. */
    tar.data[4 * 512 + 3] ^= 1;
    make_file("cut/x.tar", tar.data, tar.size);
    tar.data[4 * 512 + 3] ^= 1;
    make_file("cut/y.tar", tar.data, tar.size);
    assert_source("cut", NULL,
                  "k0 70 -1 - ok [text]\n_ 0 -1 - damaged archive\n"
                  "k0 70 -1 - ok [text]\nk1 70 -1 - ok [text]\nk2 70 -1 - ok [text]\n");
    tl_string_clear(&tar);
}

static void test_damaged_gzip(void **state)
{
    (void)state;
    tl_string tar;
    tl_string bytes;
    tl_string_init(&tar, 1 << 24);
    make_empty_folder("gzip");
    for (unsigned i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "k%u.bmp", i);
        add_picture_member(&tar, name, i * 2654435761u);
    }
    make_tar("gzip/x.tar", &tar);
    assert_int_equal(system("gzip -f gzip/x.tar"), 0);
    read_whole("gzip/x.tar.gz", &bytes);
    tl_source_options options = {.caption_from = TL_CAPTION_NONE};
    for (size_t size = 0; size <= bytes.size; size += 101) {
        tl_string found;
        make_file("gzip/y.tar.gz", bytes.data, size);
        describe_source("gzip/y.tar.gz", &options, &found);
        const char *damage = strstr(found.data, "damaged archive\n");
        assert_true(damage != NULL && strlen(damage) == strlen("damaged archive\n"));
        tl_string_clear(&found);
    }
    make_text("gzip/z.tar", "this is no tar");
    assert_source("gzip/z.tar", NULL, "_ 0 -1 - damaged archive\n");
    tl_string_clear(&bytes);
}

static void test_nothing(void **state)
{
    (void)state;
    tl_string tar;
    tl_string_init(&tar, 1 << 24);
    make_empty_folder("none");
    make_tar("none/x.tar", &tar);
    assert_not_opened("none/x.tar", NULL, TL_ERROR_INVALID, "none/x.tar': expected pictures, found none");
    assert_not_opened("none", NULL, TL_ERROR_INVALID, "none': expected pictures, found none");
}

/* The fixture is what webdataset.TarWriter wrote; the reading is the same in every locale. */
static void test_written_by_webdataset(void **state)
{
    (void)state;
    static const char *const files[] = {"written.tar", "written.tar.gz"};
    static const char *const locales[] = {"C", "C.UTF-8"};
    tl_json *expected = NULL;
    assert_ok(tl_json_read_file(TL_SOURCE_DIR "/tests/golden/fixtures/import/written.json", 1 << 20, &expected, err));
    for (size_t run = 0; run < 4; run++) {
        char path[2048];
        tl_source *source = NULL;
        tl_sample sample;
        bool done;
        setlocale(LC_ALL, locales[run / 2]);
        snprintf(path, sizeof path, "%s/tests/golden/fixtures/import/%s", TL_SOURCE_DIR, files[run % 2]);
        assert_ok(tl_source_open(path, NULL, &source, err));
        for (size_t i = 0; i < tl_json_array_size(expected); i++) {
            const tl_json *wanted = tl_json_array_item(expected, i);
            const tl_json *captions = tl_json_member(wanted, "captions");
            assert_ok(tl_source_next(source, &sample, &done, err));
            assert_false(done);
            assert_string_equal(sample.key, tl_json_text_or(wanted, "key", ""));
            assert_string_equal(sample.skip_reason != NULL ? sample.skip_reason : "", tl_json_text_or(wanted, "reason", "?"));
            assert_int_equal(sample.caption_count, tl_json_array_size(captions));
            for (size_t j = 0; j < sample.caption_count; j++)
                assert_true(tl_slice_equal(sample.captions[j], tl_slice_of(tl_json_text(tl_json_array_item(captions, j)))));
            assert_int_equal(sample.label, tl_json_integer_or(wanted, "label", -2));
            assert_string_equal(sample.split != NULL ? sample.split : "", tl_json_text_or(wanted, "split", "?"));
            assert_string_equal(sample.url != NULL ? sample.url : "", tl_json_text_or(wanted, "url", "?"));
            const char *hex = tl_json_text_or(wanted, "picture", "");
            if (sample.skip_reason != NULL)
                continue;
            assert_int_equal(sample.image.size * 2, strlen(hex));
            for (size_t j = 0; j < sample.image.size; j++) {
                char byte[3];
                snprintf(byte, sizeof byte, "%02x", (unsigned)(unsigned char)sample.image.data[j]);
                assert_memory_equal(byte, hex + 2 * j, 2);
            }
        }
        assert_ok(tl_source_next(source, &sample, &done, err));
        assert_true(done);
        tl_source_close(source);
    }
    setlocale(LC_ALL, "C");
    tl_json_free(expected);
}

/* GNU tar's three formats, with names longer than a ustar header holds and names that are not ASCII. */
static void test_written_by_tar(void **state)
{
    (void)state;
    char folder[300] = "unpacked/";
    char path[600];
    char command[2048];
    tl_source_options options = {.caption_from = TL_CAPTION_FROM_NAME};
    make_empty_folder("unpacked");
    make_empty_folder("packed");
    make_picture("unpacked/plain.bmp", 1);
    make_picture("unpacked/f\xc3\xbcr \xe7\x8b\x90.bmp", 2);
    tl_string before;
    describe_source("unpacked", &options, &before);
    static const char *const formats[] = {"ustar", "pax", "gnu", "oldgnu"};
    for (int i = 0; i < 4; i++) {
        if (i == 1) { /* from here on also what ustar cannot say */
            for (int j = 0; j < 120; j++)
                folder[9 + j] = 'd';
            snprintf(path, sizeof path, "%s/%.150s.bmp", folder,
                     "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                     "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn");
            make_picture(path, 3);
            tl_string_clear(&before);
            describe_source("unpacked", &options, &before);
        }
        snprintf(command, sizeof command, "tar --format=%s --sort=name -C unpacked -cf packed/%s.tar .", formats[i], formats[i]);
        assert_int_equal(system(command), 0);
        snprintf(path, sizeof path, "packed/%s.tar", formats[i]);
        tl_string after;
        describe_source(path, &options, &after);
        assert_int_equal(after.size, before.size); /* the order of the two may differ */
        for (const char *line = before.data; *line != '\0'; line = strchr(line, '\n') + 1) {
            char one[1024];
            snprintf(one, sizeof one, "%.*s", (int)(strchr(line, '\n') + 1 - line), line);
            if (strstr(after.data, one) == NULL)
                fail_msg("%s: expected %s in %s", formats[i], one, after.data);
        }
        tl_string_clear(&after);
    }
    tl_string_clear(&before);
}

/* What our writer writes does not depend on the locale, and comes back. */
static void test_writer(void **state)
{
    (void)state;
    make_empty_folder("writer");
    static const char *const locales[] = {"C", "C.UTF-8"};
    static const char *const paths[] = {"writer/c.tar", "writer/u.tar"};
    for (int i = 0; i < 2; i++) {
        tl_tar_writer *writer = NULL;
        unsigned char picture[PICTURE_SIZE];
        draw_picture(3, picture);
        setlocale(LC_ALL, locales[i]);
        assert_ok(tl_tar_writer_open(paths[i], &writer, err));
        assert_ok(
            tl_tar_writer_add(writer, "\xe7\x8b\x90/f\xc3\xbc.bmp", (tl_slice){(const char *)picture, sizeof picture}, err));
        assert_ok(tl_tar_writer_add(writer, "\xe7\x8b\x90/f\xc3\xbc.txt", tl_slice_of("text"), err));
        assert_ok(tl_tar_writer_add(writer, "empty.txt", (tl_slice){NULL, 0}, err));
        tl_file_status status;
        assert_ok(tl_file_status_read(paths[i], &status, err));
        assert_int_equal(status.kind, TL_FILE_MISSING); /* not before the commit */
        assert_ok(tl_tar_writer_commit(writer, err));
        assert_ok(tl_file_status_read(paths[i], &status, err));
        assert_int_equal(status.size, tl_tar_writer_size(writer));
        assert_int_equal(status.size % 10240, 0);
        tl_tar_writer_close(writer);
    }
    setlocale(LC_ALL, "C");
    assert_same_file(paths[0], paths[1]);
    assert_source("writer/c.tar", NULL, "\xe7\x8b\x90/f\xc3\xbc 70 -1 - ok [text]\nempty 0 -1 - no picture\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grouping),
                                       cmocka_unit_test(test_what_is_a_dataset),
                                       cmocka_unit_test(test_dataset_folder),
                                       cmocka_unit_test(test_hostile_names),
                                       cmocka_unit_test(test_hostile_links_and_nul),
                                       cmocka_unit_test(test_hostile_import),
                                       cmocka_unit_test(test_hostile_sizes),
                                       cmocka_unit_test(test_sparse),
                                       cmocka_unit_test(test_caps),
                                       cmocka_unit_test(test_cut_everywhere),
                                       cmocka_unit_test(test_damaged_gzip),
                                       cmocka_unit_test(test_nothing),
                                       cmocka_unit_test(test_written_by_webdataset),
                                       cmocka_unit_test(test_written_by_tar),
                                       cmocka_unit_test(test_writer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
