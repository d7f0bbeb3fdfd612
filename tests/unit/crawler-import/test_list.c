/* Lists: which columns are meant, what makes a row good, filters, several files as one, and errors. */
#include "made_lists.h"

static void test_columns(void **state)
{
    (void)state;
    static const char two[] = "0 list:2 http://a/1 [one]\n1 list:3 http://a/2 [two]\n";
    assert_rows("url,caption\nhttp://a/1,one\nhttp://a/2,two\n", NULL, two);
    assert_rows("\xef\xbb\xbf URL \tTeXt\r\nhttp://a/1\tone\r\nhttp://a/2\ttwo", NULL, two);
    assert_rows("text;x;Image_URL\none;;http://a/1\ntwo;;http://a/2\n", NULL, two);
    assert_rows("a,b\nhttp://a/1,one\nhttp://a/2,two\n", &(tl_list_options){.url_column = "A", .caption_column = "B"}, two);
    /* The format says which of two is meant. */
    assert_rows("raw_caption,url,caption\nx,http://a/1,one\nx,http://a/2,two\n", &(tl_list_options){.format = "RedCaps"}, two);
    /* The second of equal names has a number, and the first one counts. */
    assert_rows("url,url,caption,Caption\nhttp://a/1,x,one,y\nhttp://a/2,,two,\n", &(tl_list_options){.keep = "url_2, caption_2"},
                "0 list:2 http://a/1 [one] {\"url_2\":\"x\",\"Caption_2\":\"y\"}\n"
                "1 list:3 http://a/2 [two] {\"url_2\":null,\"Caption_2\":null}\n");
    static const char first[] = "0 list:1 http://a/1 [one]\n1 list:2 http://a/2 [two]\n";
    assert_rows("one\thttp://a/1\ntwo\thttp://a/2\n", NULL, first);
    assert_rows("http://a/1,one\nhttp://a/2,two words\n", &(tl_list_options){.format = "csv"},
                "0 list:1 http://a/1 [one]\n1 list:2 http://a/2 [two words]\n");
    assert_rows("7\thttp://a/1\tone\n8\thttp://a/2\ttwo\n", &(tl_list_options){.caption_column = "3", .keep = "1"},
                "0 list:1 http://a/1 [one] {\"1\":7}\n1 list:2 http://a/2 [two] {\"1\":8}\n");
    assert_rows("http://a/1\n\n  \nhttps://b/2,x \n", NULL, "0 list:1 http://a/1\n1 list:4 https://b/2,x\n");
    /* CC3M and CC12M quote nothing, so that a quote belongs to the caption unless it wraps all of it. */
    assert_rows("\"a\" b\thttp://a/1\n\"c\td\nx\thttp://a/2\n\"all\"\thttp://a/3\n", NULL,
                "0 list:1 http://a/1 [\"a\" b]\n1 list:2  [\"c] (bad url)\n2 list:3 http://a/2 [x]\n3 list:4 http://a/3 [all]\n");
}

static void test_rows(void **state)
{
    (void)state;
    assert_rows("url,caption\n"
                "http://a/1,\" two\n  lines\u2028and \"\"quotes\"\"\"\n"
                "ftp://a/1,x\n"
                "//a/1,x\n"
                "http://,x\n"
                ",x\n"
                "http://a b/1,x\n"
                "HTTPS://A/1, \n"
                "http://a/1\n"
                "http://a/1,x,y\n"
                "http://a/\xe9,x\n"
                "http://a/1,caf\xe9\n"
                "http://a/\xc3\xa9,\u202eevil\x1b[0m\n"
                "\"  http://a/1 \",\u00a0\u3000\n",
                NULL,
                "0 list:2 http://a/1 [two lines and \"quotes\"]\n"
                "1 list:4  [x] (bad url)\n"
                "2 list:5  [x] (bad url)\n"
                "3 list:6  [x] (bad url)\n"
                "4 list:7  [x] (no url)\n"
                "5 list:8  [x] (bad url)\n"
                "6 list:9 HTTPS://A/1\n"
                "7 list:10  (wrong column count)\n"
                "8 list:11  (wrong column count)\n"
                "9 list:12  [x] (bad url)\n"
                "10 list:13 http://a/1 (caption not utf-8)\n"
                "11 list:14 http://a/\xc3\xa9 [evil [0m]\n"
                "12 list:15 http://a/1\n");
    static const char with_nul[] = "url,caption\nhttp://a/1,nul\0here\nhttp://a/2\0,x\nhttp://a/3,y\n";
    make_text("padded", "");
    tl_string text;
    tl_string_init(&text, 1 << 16);
    assert_ok(tl_string_append(&text, with_nul, 12, err));
    for (int i = 0; i < 500; i++)
        assert_ok(tl_string_append_text(&text, "         \n", err)); /* past what is looked at to tell texts from others */
    assert_ok(tl_string_append(&text, with_nul + 12, sizeof with_nul - 13, err));
    make_file("padded", text.data, text.size);
    tl_string_clear(&text);
    assert_list("padded", NULL,
                "0 padded:502 http://a/1 (caption not utf-8)\n"
                "1 padded:503  [x] (bad url)\n"
                "2 padded:504 http://a/3 [y]\n");
}

static void test_digests(void **state)
{
    (void)state;
    assert_rows("url,sha256\nhttp://a/1,0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\nhttp://a/2,\n"
                "http://a/3,12\nhttp://a/4,g123456789abcdef0123456789abcdef\n",
                NULL,
                "0 list:2 http://a/1 sha256:01234567\n1 list:3 http://a/2\n2 list:4 http://a/3 (bad digest)\n"
                "3 list:5 http://a/4 (bad digest)\n");
    assert_rows("url,sum\nhttp://a/1,0123456789abcdef0123456789abcdef\n", &(tl_list_options){.digest_column = "sum"},
                "0 list:2 http://a/1 md5:01234567\n");
}

static void test_json(void **state)
{
    (void)state;
    static const char rows[] = "0 list:1 http://a/1 [one] {\"n\":1,\"m\":{\"x\":[1,2]}}\n"
                               "1 list:2 http://a/2 [two] [zwei] {\"n\":0.25,\"m\":null}\n"
                               "2 list:3  {\"n\":true,\"m\":null} (no url)\n"
                               "3 list:4  (broken json)\n"
                               "4 list:5 http://a/5 {\"n\":\"1\",\"m\":null}\n";
    tl_list_options keep = {.keep = "n,m"};
    assert_rows("{\"url\": \"http://a/1\", \"caption\": \"one\", \"n\": 1, \"m\": {\"x\": [1, 2]}}\n"
                "{\"caption\": [\"two\", 2, \"zwei\", \"\"], \"n\": 0.25, \"url\": \"http://a/2\"}\n"
                "{\"n\": true, \"url\": null}\n"
                "[\"http://a/3\"]\n"
                "{\"url\":\"http://a/5\",\"n\":\"1\"}",
                &keep, rows);
    static const char array[] =
        "[{\"url\": \"http://a/1\", \"caption\": \"one\", \"n\": 1, \"m\": {\"x\": [1, 2]}},"
        "{\"caption\": [\"two\", 2, \"zwei\", \"\"], \"n\": 0.25, \"url\": \"http://a/2\"}, {\"n\": true},\n"
        "7, {\"url\":\"http://a/5\",\"n\":\"1\"} ]\n";
    assert_rows(array, &keep, rows);
    tl_string text;
    tl_string_init(&text, 65536);
    assert_ok(tl_string_append_format(&text, err,
                                      "{\"info\": {\"url\": 3}, \"licenses\": [{\"url\": \"http://l\"}], \"x\": 7, "
                                      "\"rows\": %s, \"after\": []}",
                                      array));
    assert_rows(text.data, &keep, rows);
    tl_string_clear(&text);
    assert_rows(
        "{\"captions\": {\"0\": \"one\", \"1\": null}, \"info\": {}, \"url\": {\"0\": \"http://a/1\", \"1\": \"http://a/2\"}}",
        NULL, "0 list:1 http://a/1 [one]\n1 list:2 http://a/2\n");
    /* One object alone is one row. */
    assert_rows("{\"captions\": [\"one\", \"eins\"], \"url\": \"http://a/1\"}", NULL, "0 list:1 http://a/1 [one] [eins]\n");
    assert_rows("{\"url\": \"http://a/1\", \"url\": \"http://a/2\"}\n{\"url\": \"http://a/3\", \"caption\": \"a\\u0000b\"}\n"
                "{\"url\": \"http://a/4\", \"caption\": \"\\ud83e\\udd8a\"}",
                NULL, "0 list:1  (broken json)\n1 list:2  (broken json)\n2 list:3 http://a/4 [\xf0\x9f\xa6\x8a]\n");
}

static void test_deep_json(void **state)
{
    (void)state;
    enum { DEPTH = 400000 };
    tl_string text;
    tl_string found;
    const char *path = "deep.json";
    tl_string_init(&text, (size_t)1 << 24);
    assert_ok(tl_string_append_text(&text, "[{\"url\":\"http://a/1\"},{\"x\":", err));
    for (int i = 0; i < DEPTH; i++)
        assert_ok(tl_string_append_text(&text, "[", err));
    for (int i = 0; i < DEPTH; i++)
        assert_ok(tl_string_append_text(&text, "]", err));
    assert_ok(tl_string_append_text(&text, "},{\"url\":\"http://a/3\"},{\"x\":\"", err));
    for (int i = 0; i < DEPTH; i++)
        assert_ok(tl_string_append_text(&text, "large ", err));
    assert_ok(tl_string_append_text(&text, "\"},{\"url\":\"http://a/5\"}]", err));
    make_file(path, text.data, text.size);
    describe_list(&path, 1, NULL, &found);
    assert_string_equal(found.data, "0 deep.json:1 http://a/1\n1 deep.json:2  (broken json)\n2 deep.json:3 http://a/3\n"
                                    "3 deep.json:4  (row too large)\n4 deep.json:5 http://a/5\n");
    tl_string_clear(&found);
    tl_string_clear(&text);
}

static void test_giant_rows(void **state)
{
    (void)state;
    tl_string text;
    tl_string_init(&text, (size_t)1 << 26);
    assert_ok(tl_string_append_text(&text, "url\tcaption\nhttp://a/1\t", err));
    for (int i = 0; i < 5000000; i++)
        assert_ok(tl_string_append_text(&text, "word ", err));
    assert_ok(tl_string_append_text(&text, "\nhttp://a/2\tshort\nhttp://a/3\t", err));
    for (int i = 0; i < 40000; i++)
        assert_ok(tl_string_append_text(&text, "x ", err)); /* a row, but more than a caption is */
    assert_ok(tl_string_append_text(&text, "\n", err));
    make_file("giant", text.data, text.size);
    tl_string_clear(&text);
    assert_list("giant", NULL, "0 giant:2  (row too large)\n1 giant:3 http://a/2 [short]\n2 giant:4 http://a/3\n");
}

static void test_kept_values(void **state)
{
    (void)state;
    assert_rows(
        "url,a\nhttp://1,0.50\nhttp://2,007\nhttp://3,-1e5\nhttp://4,1234567890123456\nhttp://5,.5\nhttp://6,nan\n"
        "http://7,\"a\"\"\\\n\"\nhttp://8,\xe9\nhttp://9,1.\n",
        &(tl_list_options){.keep = "*"},
        "0 list:2 http://1 {\"a\":0.50}\n1 list:3 http://2 {\"a\":\"007\"}\n2 list:4 http://3 {\"a\":-1e5}\n"
        "3 list:5 http://4 {\"a\":\"1234567890123456\"}\n4 list:6 http://5 {\"a\":\".5\"}\n5 list:7 http://6 {\"a\":\"nan\"}\n"
        "6 list:8 http://7 {\"a\":\"a\\\"\\\\\\u000a\"}\n7 list:10 http://8 {\"a\":null}\n8 list:11 http://9 {\"a\":\"1.\"}\n");
}

static void test_kept_columns(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"http://1", "{\"b\": [1, 2]}"}, {"http://2", "{broken"}, {"http://3", "{\"b\": 1, \"b\": 2}"}, {"http://4", "null"}};
    /* A column named twice is one member. */
    assert_rows("url,a\nhttp://1,x\n", &(tl_list_options){.keep = "a,A,url,a"},
                "0 list:2 http://1 {\"a\":\"x\",\"url\":\"http://1\"}\n");
    /* What is called JSON and is none is that row's fault alone. */
    make_json_table("list", (const char *const[]){"url", "meta"}, rows, sizeof rows / sizeof rows[0]);
    assert_list("list", &(tl_list_options){.keep = "meta"},
                "0 list:1 http://1 {\"meta\":{\"b\": [1, 2]}}\n1 list:2 http://2 (broken json)\n"
                "2 list:3 http://3 (broken json)\n3 list:4 http://4 {\"meta\":null}\n");
}

static const char scored[] = "url,caption,similarity,punsafe,NSFW,when\n"
                             "http://a/1,one,0.31,0.1,UNLIKELY,x\n"
                             "http://a/2,two,0.9,,UNSURE,x\n"
                             "http://a/3,three,nan,0.1,NSFW,x\n"
                             "http://a/4\n"
                             "http://a/5,five,0.30,0.4,,007\n"
                             "http://a/6,\"It's\",1e-1,0.6,UNLIKELY,x\n";

static void assert_filtered(const char *where, const char *expected)
{
    make_text("scored", scored);
    tl_list *list = NULL;
    tl_string found;
    const char *path = "scored";
    tl_string_init(&found, 1024);
    assert_ok(tl_list_open(&path, 1, &(tl_list_options){.where = where}, &list, err));
    for (;;) {
        tl_list_row row;
        bool done;
        assert_ok(tl_list_next(list, &row, &done, err));
        if (done)
            break;
        assert_ok(
            tl_string_append_format(&found, err, "%llu%s", (unsigned long long)row.number, row.skip_reason == NULL ? " " : "! "));
    }
    tl_list_close(list);
    if (strcmp(found.data, expected) != 0)
        fail_msg("where %s: expected '%s', found '%s'", where, expected, found.data);
    tl_string_clear(&found);
}

static void test_where(void **state)
{
    (void)state;
    /* A bad row cannot be filtered, and is told of. */
    assert_filtered("similarity > 0.3 AND punsafe < 0.5", "0 3! ");
    assert_filtered("similarity >= 0.3", "0 1 3! 4 ");
    assert_filtered("SIMILARITY < 0.3", "3! 5 ");
    assert_filtered("punsafe IS NULL", "1 3! ");
    assert_filtered("NSFW IN ('UNLIKELY', 'UNSURE') OR NSFW IS NULL", "0 1 3! 4 5 ");
    assert_filtered("caption LIKE 't%'", "1 2 3! ");
    assert_filtered("\"when\" = '007'", "3! 4 ");
    assert_filtered("\"when\" = 7", "3! 4 ");
    assert_filtered("length(caption) BETWEEN 4 AND 5", "2 3! 4 5 ");
    assert_filtered("caption = 'It''s' -- a comment", "3! 5 ");
    assert_filtered("similarity + punsafe > 0.65", "3! 4 5 ");
    assert_filtered("CASE WHEN similarity > 0.5 THEN 1 ELSE 0 END", "1 3! ");
    assert_filtered("NOT 1", "3! ");
    /* What a row makes fail is a row with a reason. */
    assert_filtered("json_extract(caption, '$.x') = 1", "0! 1! 2! 3! 4! 5! ");
    static const char *const refused[] = {
        "",
        "1; SELECT 1",
        "similarity >",
        "nothing > 1",
        "\"nothing\" > 1",
        "(SELECT 1)",
        "EXISTS (SELECT * FROM rows)",
        "similarity IN (SELECT 1)",
        "similarity IN (WITH RECURSIVE x(a) AS (SELECT 1 UNION SELECT a+1 FROM x) SELECT a FROM x)",
        "random() > 0",
        "randomblob(100000000)",
        "zeroblob(1e9)",
        "printf('%1000000000d', 1)",
        "replace(caption, 'a', 'b') = ''",
        "load_extension('x')",
        "readfile('/etc/passwd')",
        "date('now') > 1",
        "current_timestamp > 1",
        "count(*) > 1",
        "sum(similarity) OVER () > 1",
        "1) LIMIT (5",
        "1) UNION SELECT (1",
        "1) THEN 1 END, CASE WHEN (1",
        "sqlite_master.name = 1",
        "similarity = ?1",
        "similarity MATCH 'x'",
        "caption REGEXP 'x'"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_no_list("scored", &(tl_list_options){.where = refused[i]}, TL_ERROR_INVALID, "'scored': expected");
    assert_no_list("scored", &(tl_list_options){.where = "punsave < 1"}, TL_ERROR_INVALID,
                   "over the columns url, caption, similarity, punsafe, NSFW, when, found 'punsave < 1': no such column");
    tl_string deep;
    tl_string_init(&deep, 1 << 20);
    for (int i = 0; i < 60000; i++)
        assert_ok(tl_string_append_text(&deep, "(", err));
    assert_no_list("scored", &(tl_list_options){.where = deep.data}, TL_ERROR_INVALID, "'scored': expected");
    tl_string_clear(&deep);
}

typedef struct watching {
    tl_list *list;
    size_t times, most; /* told, and how often it lets the reading go on */
    double last_share;
} watching;

static bool watch(void *context, tl_error *error)
{
    watching *self = context;
    double share = tl_list_progress(self->list);
    assert_true(share >= self->last_share && share <= 1);
    self->last_share = share;
    return self->times++ < self->most || tl_fail(error, TL_ERROR_CANCELLED, "stopped by the watch");
}

/* An expression that holds for no row, and rows passed over: the watch is told in between and may end it. */
static void test_watch(void **state)
{
    (void)state;
    enum { ROWS = 200000 };
    FILE *file = fopen("many.tsv", "w");
    assert_non_null(file);
    fputs("url\tcaption\tsimilarity\n", file);
    for (int i = 0; i < ROWS; i++)
        fprintf(file, "http://a.example/%d\tnumber %d\t0.25\n", i, i);
    assert_int_equal(fclose(file), 0);
    const char *path = "many.tsv";
    for (int skips = 0; skips < 2; skips++)
        for (size_t most = 0; most < 3; most++) {
            watching self = {.most = most == 2 ? SIZE_MAX : most};
            tl_list_row row;
            bool done = false;
            tl_error error = {0};
            assert_ok(tl_list_open(&path, 1, &(tl_list_options){.where = "similarity > 0.3"}, &self.list, err));
            tl_list_set_watch(self.list, (tl_list_watch){watch, &self});
            bool ok = skips ? tl_list_skip(self.list, ROWS, &error) : tl_list_next(self.list, &row, &done, &error);
            if (most == 2) {
                assert_true(ok && done == !skips && self.last_share > 0.5);
                assert_in_range(self.times, 3, ROWS / 1000);
            } else {
                assert_false(ok);
                assert_int_equal(error.kind, TL_ERROR_CANCELLED);
                assert_string_equal(error.message, "stopped by the watch");
                assert_int_equal(self.times, most + 1);
            }
            tl_list_close(self.list);
        }
}

static void test_skip_with_where(void **state)
{
    (void)state;
    make_text("scored", scored);
    const char *path = "scored";
    for (uint64_t first = 0; first <= 7; first++)
        for (int reads = 0; reads < 2; reads++) {
            static const uint64_t holding[] = {0, 1, 3, 4}; /* and the bad one */
            tl_list *list = NULL;
            tl_list_row row;
            bool done;
            uint64_t from = first;
            assert_ok(tl_list_open(&path, 1, &(tl_list_options){.where = "similarity >= 0.3"}, &list, err));
            if (reads != 0) {
                assert_ok(tl_list_next(list, &row, &done, err));
                assert_int_equal(row.number, 0);
                from = first + 1;
            }
            assert_ok(tl_list_skip(list, first, err));
            for (size_t i = 0; i < 4; i++) {
                if (holding[i] < from)
                    continue;
                assert_ok(tl_list_next(list, &row, &done, err));
                assert_false(done);
                assert_int_equal(row.number, holding[i]);
            }
            assert_ok(tl_list_next(list, &row, &done, err));
            assert_true(done);
            assert_ok(tl_list_next(list, &row, &done, err));
            assert_true(done);
            tl_list_close(list);
        }
}

static void test_several_files(void **state)
{
    (void)state;
    make_empty_folder("folder");
    make_text("folder/b/2.tsv", "one\thttp://a/1\n");
    make_text("folder/a.jsonl", "{\"url\": \"http://a/2\", \"similarity\": 1}\n");
    make_text("folder/c.csv", "similarity,url\n0.5,http://a/3\n0.1,http://a/4\n");
    make_text("folder/README.md", "no list\n");
    make_text("folder/.hidden.csv", "x\n");
    make_text("folder/_metadata.json", "{}");
    make_text("more", "http://a/5\n");
    const char *paths[] = {"folder", "more", "folder/b/2.tsv"};
    tl_string found;
    describe_list(paths, 3, NULL, &found);
    assert_string_equal(found.data, "0 a.jsonl:1 http://a/2\n1 b/2.tsv:1 http://a/1 [one]\n2 c.csv:2 http://a/3\n"
                                    "3 c.csv:3 http://a/4\n4 more:1 http://a/5\n5 2.tsv:1 http://a/1 [one]\n");
    tl_string_clear(&found);
    /* Skipping over files, and a filter that is another one for each. */
    assert_ok(tl_directory_remove("folder/b", err));
    tl_list *list = NULL;
    tl_list_row row;
    bool done;
    assert_ok(tl_list_open(paths, 1, &(tl_list_options){.where = "similarity > 0.3"}, &list, err));
    assert_ok(tl_list_skip(list, 1, err));
    assert_ok(tl_list_next(list, &row, &done, err));
    assert_string_equal(row.origin, "c.csv:2");
    assert_ok(tl_list_next(list, &row, &done, err));
    assert_true(done);
    tl_list_close(list);
    assert_no_list("folder", &(tl_list_options){.keep = "caption"}, TL_ERROR_INVALID,
                   "'c.csv': keep: expected a column caption, found the columns: similarity, url");
    make_empty_folder("empty");
    assert_no_list("empty", NULL, TL_ERROR_INVALID, "expected lists (.parquet");
}

static void test_errors(void **state)
{
    (void)state;
    assert_no_list("missing", NULL, TL_ERROR_NOT_FOUND, "'missing': expected a list or a folder of lists, found nothing");
    assert_no_list("/dev/null", NULL, TL_ERROR_INVALID, "found a device or pipe");
    make_text("x", "");
    assert_no_list("x", NULL, TL_ERROR_INVALID, "'x': expected a table, found an empty file");
    make_text("x", "\n \n");
    assert_no_list("x", NULL, TL_ERROR_INVALID, "'x': the table is empty");
    make_text("x", "name,words\na,b\n");
    assert_no_list("x", NULL, TL_ERROR_INVALID, "'x': expected a column url, image_url");
    assert_no_list("x", NULL, TL_ERROR_INVALID, "found the columns: name, words");
    assert_no_list("x", &(tl_list_options){.url_column = "link"}, TL_ERROR_INVALID,
                   "'x': expected a column link, found the columns: name, words");
    assert_no_list("x", &(tl_list_options){.format = "laoin"}, TL_ERROR_INVALID, "format: expected one of txt, csv,");
    assert_no_list("x", &(tl_list_options){.format = "parquet"}, TL_ERROR_INVALID, "'x': expected parquet, found csv");
    make_file("x", "\x89PNG\r\n\x1a\n", 8);
    assert_no_list("x", NULL, TL_ERROR_UNSUPPORTED, "'x': expected CSV, TSV, JSON");
    make_file("x", "\xff\xfeu\0r\0l\0", 8);
    assert_no_list("x", NULL, TL_ERROR_UNSUPPORTED, "found other bytes");
    make_text("x", "[{\"a\": 1}]");
    assert_no_list("x", NULL, TL_ERROR_INVALID, "found the columns: a");
    make_text("x", "PAR1 and nothing more");
    assert_no_list("x", NULL, TL_ERROR_CORRUPT, "x");
}

/* What is wrong further on: the rows before it come, then the file and the row are named. */
static void assert_breaks(const char *path, const char *part)
{
    tl_list *list = NULL;
    tl_error error = {0};
    bool done = false;
    size_t count = 0;
    assert_ok(tl_list_open(&path, 1, NULL, &list, err));
    for (;; count++) {
        tl_list_row row;
        if (!tl_list_next(list, &row, &done, &error))
            break;
        assert_false(done);
        assert_null(row.skip_reason);
    }
    tl_list_close(list);
    if (count == 0 || error.kind != TL_ERROR_CORRUPT || strstr(error.message, part) == NULL)
        fail_msg("expected '%s' in: %s (after %zu rows)", part, error.message, count);
}

static void test_damaged_documents(void **state)
{
    (void)state;
    make_text("cut.json", "[{\"url\": \"http://a/1\"}, {\"url\": \"http://a/2\"}, {\"url\": \"htt");
    assert_breaks("cut.json", "'cut.json': after row 2: expected the end of a value, found the end of the file");
    make_text("odd.json", "[{\"url\": \"http://a/1\"} {\"url\": \"http://a/2\"}]");
    assert_breaks("odd.json", "'odd.json': after row 1: expected ',' or ']', found something else");
    make_text("uneven.json", "{\"url\": [\"http://a/1\", \"http://a/2\"], \"caption\": [\"one\"]}");
    assert_breaks("uneven.json", "'uneven.json': row 2: expected arrays of equal length, found that 1 of 2 have ended");
    make_text("coco.json", "{\"images\": [{\"id\": 1, \"file_name\": \"a.jpg\", \"coco_url\": \"http://a/1\"}]}");
    const char *path = "coco.json";
    tl_list *list = NULL;
    tl_list_row row;
    bool done;
    tl_error error = {0};
    assert_ok(tl_list_open(&path, 1, NULL, &list, err));
    assert_false(tl_list_next(list, &row, &done, &error));
    assert_non_null(strstr(error.message, "expected a member 'annotations', found none"));
    tl_list_close(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),         cmocka_unit_test(test_rows),
        cmocka_unit_test(test_digests),         cmocka_unit_test(test_json),
        cmocka_unit_test(test_deep_json),       cmocka_unit_test(test_giant_rows),
        cmocka_unit_test(test_kept_values),     cmocka_unit_test(test_kept_columns),
        cmocka_unit_test(test_where),           cmocka_unit_test(test_watch),
        cmocka_unit_test(test_skip_with_where), cmocka_unit_test(test_several_files),
        cmocka_unit_test(test_errors),          cmocka_unit_test(test_damaged_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
