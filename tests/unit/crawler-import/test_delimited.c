/* The table source: columns, delimiters, paths, metadata, several captions of one picture, and rows that are skipped. */
#include "made_files.h"

#include <unistd.h>

static void make_pictures(const char *folder)
{
    char path[256];
    make_empty_folder(folder);
    for (unsigned i = 1; i <= 3; i++) {
        snprintf(path, sizeof path, "%s/p/%u.bmp", folder, i);
        make_picture(path, i);
    }
}

static const char simple[] = "p/1 70 -1 - ok [one]\np/2 70 -1 - ok [two]\n";

static void test_columns_and_delimiters(void **state)
{
    (void)state;
    make_pictures("table");
    make_text("table/a.csv", "image,caption\np/1.bmp,one\np/2.bmp,two\n");
    assert_source("table/a.csv", NULL, simple);
    make_text("table/b.tsv", "Title\tx\tFilePath\r\none\t\tp/1.bmp\r\ntwo\t\tp/2.bmp\r\n");
    assert_source("table/b.tsv", NULL, simple);
    make_text("table/c.csv", "\xef\xbb\xbf\"file\";text\np/1.bmp;one\np/2.bmp;two");
    assert_source("table/c.csv", NULL, simple);
    make_text("table/d.txt", "filename|description\n./p/1.bmp|one\np//2.bmp|two\n");
    assert_source("table/d.txt", NULL, simple);
    make_text("table/e.tsv", "image,caption\np/1.bmp,one\np/2.bmp,two\n");
    assert_source("table/e.tsv", NULL, simple);
    /* "caption" wins over "title"; "image" over "path". */
    make_text("table/f.csv", "path,image,title,caption\nno,p/1.bmp,x,one\nno,p/2.bmp,x,two\n");
    assert_source("table/f.csv", NULL, simple);
    make_text("table/g.csv", "my pic,my text\np/1.bmp,one\np/2.bmp,two\n");
    assert_source("table/g.csv", &(tl_source_options){.image_column = "my pic", .caption_column = "MY TEXT"}, simple);
    make_text("table/h.csv", "image\np/1.bmp\n");
    assert_source("table/h.csv", &(tl_source_options){.caption_from = TL_CAPTION_NONE}, "p/1 70 -1 - ok\n");
    assert_source("table/h.csv", &(tl_source_options){.caption_from = TL_CAPTION_FROM_NAME}, "p/1 0 -1 - no caption\n");
}

static void test_errors(void **state)
{
    (void)state;
    make_pictures("errors");
    make_text("errors/a.csv", "picture,caption\np/1.bmp,one\n");
    assert_not_opened("errors/a.csv", NULL, TL_ERROR_INVALID, "a.csv': expected a column image, file, filename");
    assert_not_opened("errors/a.csv", NULL, TL_ERROR_INVALID, "found the columns: picture, caption");
    assert_not_opened("errors/a.csv", &(tl_source_options){.image_column = "picture", .caption_column = "words"},
                      TL_ERROR_INVALID, "expected a column words, found the columns: picture, caption");
    make_text("errors/b.csv", "image,caption\n\n");
    assert_not_opened("errors/b.csv", NULL, TL_ERROR_INVALID, "expected pictures, found a table without rows");
    make_text("errors/c.csv", "\n\n");
    assert_not_opened("errors/c.csv", NULL, TL_ERROR_INVALID, "the table is empty");
    make_file("errors/d.csv", "\xff\xfei\0m\0", 6);
    assert_not_opened("errors/d.csv", NULL, TL_ERROR_UNSUPPORTED, "file of another kind");
}

static void test_skipped_rows(void **state)
{
    (void)state;
    make_pictures("rows");
    make_file("rows/p/empty.bmp", "", 0);
    make_folder("rows/p/folder.bmp");
    static const char text[] = "image,caption\n"
                               "p/1.bmp,\"two\nlines\"\n"
                               "p/2.bmp\n"
                               "p/2.bmp,a,b\n"
                               "\n"
                               "p/9.bmp,gone\n"
                               "p/2.bmp,\n"
                               "p/2.bmp,caf\xe9\n"
                               "p/empty.bmp,x\n"
                               "p/folder.bmp,x\n"
                               ",x\n"
                               "p/3.bmp,nul\0here\n"
                               "p/\0.bmp,x\n"
                               "p/3.bmp,last\n";
    make_file("rows/t.csv", text, sizeof text - 1);
    /* A NUL in the first bytes is no table's; later it is a bad cell. */
    assert_not_opened("rows/t.csv", NULL, TL_ERROR_UNSUPPORTED, "file of another kind");
    tl_string padded;
    tl_string_init(&padded, 1 << 16);
    assert_ok(tl_string_append(&padded, text, 14, err));
    for (int i = 0; i < 300; i++)
        assert_ok(tl_string_append_text(&padded, "                   \n", err));
    assert_ok(tl_string_append(&padded, text + 14, sizeof text - 1 - 14, err));
    make_file("rows/t.csv", padded.data, padded.size);
    tl_string_clear(&padded);
    assert_source("rows/t.csv", NULL,
                  "p/1 70 -1 - ok [two lines]\n"
                  "304 0 -1 - wrong column count\n"
                  "305 0 -1 - wrong column count\n"
                  "p/9 0 -1 - missing file [gone]\n"
                  "p/2 0 -1 - no caption\n"
                  "p/2 0 -1 - caption not utf-8\n"
                  "p/empty 0 -1 - empty file [x]\n"
                  "p/folder 0 -1 - missing file [x]\n"
                  "_ 0 -1 - missing file [x]\n"
                  "p/3 0 -1 - caption not utf-8\n"
                  "_ 0 -1 - missing file [x]\n"
                  "p/3 70 -1 - ok [last]\n");
    tl_source *source = NULL;
    tl_sample sample;
    bool done;
    assert_ok(tl_source_open("rows/t.csv", NULL, &source, err));
    assert_string_equal(tl_source_kind_name(source), "table");
    assert_ok(tl_source_next(source, &sample, &done, err));
    assert_string_equal(sample.origin, "t.csv:302");
    assert_ok(tl_source_next(source, &sample, &done, err));
    assert_string_equal(sample.origin, "t.csv:304");
    tl_source_close(source);
}

static void test_several_captions(void **state)
{
    (void)state;
    make_pictures("several");
    make_text("several/t.csv", "image,caption\n"
                               "p/1.bmp,one\np/1.bmp,uno\np/1.bmp,\np/1.bmp,eins\n"
                               "p/2.bmp,two\np/3.bmp,three\np/2.bmp,again\np/2.bmp,more\n");
    assert_source("several/t.csv", NULL,
                  "p/1 70 -1 - ok [one] [uno]\n"
                  "p/1 0 -1 - no caption\n"
                  "p/1 70 -1 - ok [eins]\n"
                  "p/2 70 -1 - ok [two]\n"
                  "p/3 70 -1 - ok [three]\n"
                  "p/2 70 -1 - ok [again] [more]\n");
    /* Arrays of captions, of which one is broken. */
    static const char *const rows[][2] = {{"p/1.bmp", "[\"one\", \"uno\"]"}, {"p/2.bmp", "{broken"}, {"p/3.bmp", "[\"three\"]"}};
    make_json_table("several/t.parquet", (const char *const[]){"image", "captions"}, rows, sizeof rows / sizeof rows[0]);
    assert_source("several/t.parquet", NULL,
                  "p/1 70 -1 - ok [one] [uno]\n"
                  "p/2 0 -1 - broken json\n"
                  "p/3 70 -1 - ok [three]\n");
}

static void test_metadata(void **state)
{
    (void)state;
    make_pictures("about");
    make_text("about/t.csv", "image,caption,label,split,url,colour,\n"
                             "p/1.bmp,one,7,test,http://x,red,\n"
                             "p/2.bmp,two,cat,,,caf\xe9,\n");
    tl_source *source = NULL;
    tl_sample sample;
    bool done;
    assert_ok(tl_source_open("about/t.csv", NULL, &source, err));
    assert_ok(tl_source_next(source, &sample, &done, err));
    assert_int_equal(sample.label, 7);
    assert_string_equal(sample.split, "test");
    assert_string_equal(sample.url, "http://x");
    assert_string_equal(tl_json_text_or(sample.json, "colour", ""), "red");
    assert_int_equal(tl_json_integer_or(sample.json, "label", 0), 7);
    assert_ok(tl_source_next(source, &sample, &done, err));
    assert_int_equal(sample.label, -1);
    assert_null(sample.split);
    assert_null(sample.url);
    assert_string_equal(tl_json_text_or(sample.json, "label", ""), "cat");
    assert_null(tl_json_member(sample.json, "colour"));
    tl_source_close(source);
}

static void test_paths(void **state)
{
    (void)state;
    char here[2048];
    char text[8192];
    assert_non_null(getcwd(here, sizeof here));
    make_pictures("paths");
    snprintf(text, sizeof text, "image,caption\n%s/paths/p/1.bmp,absolute\n../p/2.bmp,up\n", here);
    make_text("paths/sub/t.csv", text);
    tl_source *source = NULL;
    tl_sample sample;
    bool done;
    tl_string bytes;
    tl_string_init(&bytes, 1000);
    assert_ok(tl_source_open("paths/sub/t.csv", NULL, &source, err));
    assert_string_equal(strrchr(tl_source_root(source), '/'), "/t.csv");
    for (int i = 0; i < 2; i++) {
        assert_ok(tl_source_next(source, &sample, &done, err));
        assert_null(sample.skip_reason);
        assert_true(sample.key[0] != '/' && strchr(sample.key, '.') == NULL && sample.path[0] != '/');
        tl_string_reset(&bytes);
        assert_ok(tl_source_read_image(sample.root, sample.path, &bytes, err));
        assert_true(tl_slice_equal(tl_string_slice(&bytes), sample.image));
    }
    assert_string_equal(sample.key, "__/p/2");
    tl_source_close(source);
    tl_string_clear(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_and_delimiters), cmocka_unit_test(test_errors),   cmocka_unit_test(test_skipped_rows),
        cmocka_unit_test(test_several_captions),       cmocka_unit_test(test_metadata), cmocka_unit_test(test_paths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
