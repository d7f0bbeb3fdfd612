/* base/net/http against a server that follows a script: what is delivered, what is refused, what may be tried again. */
#include "base/net/http.h"

#include "base/core/clock.h"
#include "base/core/string.h"
#include "tests/unit/net/scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define OK "HTTP/1.1 200 OK\r\n"
#define CLOSE "Connection: close\r\n"

typedef struct delivery {
    tl_string body;
    size_t begun;
    uint64_t first;
    size_t refuse_after; /* bytes; 0: never */
    double cancel_at;    /* of the clock; 0: never */
} delivery;

static bool begin(void *context, const tl_http_response *response, tl_error *err)
{
    (void)err;
    delivery *got = context;
    got->begun++;
    got->first = response->first;
    return true;
}

static bool take(void *context, const void *bytes, size_t size, tl_error *err)
{
    delivery *got = context;
    if (got->refuse_after != 0 && got->body.size + size > got->refuse_after)
        return tl_fail(err, TL_ERROR_INVALID, "no more of this");
    return tl_string_append(&got->body, bytes, size, err);
}

static bool is_cancelled(void *context)
{
    const delivery *got = context;
    return got->cancel_at != 0 && tl_clock_seconds() > got->cancel_at;
}

typedef struct fixture {
    scripted_server server;
    delivery got;
    tl_http_response response;
    tl_error err;
} fixture;

static bool get(fixture *test, const script_answer *answers, size_t count, tl_http_options options)
{
    tl_http_client *client = NULL;
    char url[64];
    assert_true(scripted_server_start(&test->server, answers, count));
    snprintf(url, sizeof url, "http://127.0.0.1:%u/file?x=1", (unsigned)test->server.port);
    tl_string_init(&test->got.body, 1 << 20);
    test->err = (tl_error){TL_ERROR_NONE, ""};
    assert_true(tl_http_client_create(&client, NULL));
    options.allow_plain = true;
    const tl_http_sink sink = {&test->got, begin, take, is_cancelled};
    bool ok = tl_http_get(client, url, &options, &sink, &test->response, &test->err);
    tl_http_client_destroy(client);
    scripted_server_stop(&test->server);
    return ok;
}

/* One answer, no options. */
static bool get_one(fixture *test, const char *text)
{
    *test = (fixture){0};
    return get(test, &(script_answer){text, 0, SCRIPT_CLOSE}, 1, (tl_http_options){0});
}

static void end(fixture *test)
{
    tl_string_clear(&test->got.body);
}

static void expect_failure(fixture *test, const char *text, tl_error_kind kind, bool is_transient, const char *part)
{
    assert_false(get_one(test, text));
    assert_int_equal(test->err.kind, kind);
    assert_int_equal(test->response.is_transient, is_transient);
    if (strstr(test->err.message, part) == NULL)
        fail_msg("expected '%s' in '%s'", part, test->err.message);
    end(test);
}

static void a_body_arrives_once_begun(void **state)
{
    (void)state;
    fixture test;
    assert_true(get_one(&test, OK "Content-Length: 5\r\nETag: \"v1\"\r\n" CLOSE "\r\nhello"));
    assert_string_equal(test.got.body.data, "hello");
    assert_int_equal(test.got.begun, 1);
    assert_int_equal(test.response.status, 200);
    assert_true(test.response.total_size == 5);
    assert_string_equal(test.response.etag, "\"v1\"");
    assert_true(test.response.retry_after < 0);
    assert_non_null(strstr(test.server.requests[0], "GET /file?x=1 HTTP/1.1\r\n"));
    assert_null(strstr(test.server.requests[0], "Authorization"));
    assert_null(strstr(test.server.requests[0], "Range"));
    end(&test);
    assert_true(get_one(&test, OK "Content-Length: 0\r\n" CLOSE "\r\n"));
    assert_int_equal(test.got.begun, 1);
    end(&test);
    assert_true(get_one(&test, OK CLOSE "\r\nuntil the end"));
    assert_string_equal(test.got.body.data, "until the end");
    assert_true(test.response.total_size == TL_HTTP_SIZE_UNKNOWN);
    end(&test);
    assert_true(get_one(&test, OK "Transfer-Encoding: chunked\r\n" CLOSE "\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
    assert_string_equal(test.got.body.data, "abcde");
    end(&test);
}

static void statuses_are_errors_with_a_name(void **state)
{
    (void)state;
    fixture test;
    expect_failure(&test, "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nX-Error-Message: no such\x1b[file\r\n" CLOSE "\r\nabc",
                   TL_ERROR_NOT_FOUND, false, "expected status 200, found 404: no such");
    assert_int_equal(test.got.begun, 0);
    assert_null(strchr(test.err.message, '\x1b'));
    expect_failure(&test, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", TL_ERROR_IO, false, "found 403");
    expect_failure(&test, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", TL_ERROR_IO, true, "found 500");
    expect_failure(&test, "HTTP/1.1 501 No\r\nContent-Length: 0\r\n\r\n", TL_ERROR_IO, false, "found 501");
    expect_failure(&test, "HTTP/1.1 204 Nothing\r\n\r\n", TL_ERROR_IO, false, "found 204");
    expect_failure(&test, "HTTP/1.1 302 Nowhere\r\nContent-Length: 0\r\n\r\n", TL_ERROR_IO, false, "found 302");
    expect_failure(&test, "HTTP/1.1 429 Slow\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n", TL_ERROR_IO, true, "found 429");
    assert_true(test.response.retry_after == 17);
    expect_failure(&test, "HTTP/1.1 503 Slow\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", TL_ERROR_IO, true, "found 503");
    assert_true(test.response.retry_after <= 0);
    expect_failure(&test, "HTTP/1.1 503 Slow\r\nRetry-After: -5\r\nContent-Length: 0\r\n\r\n", TL_ERROR_IO, true, "found 503");
    assert_true(test.response.retry_after <= 0);
}

static void broken_answers_may_be_tried_again(void **state)
{
    (void)state;
    fixture test;
    expect_failure(&test, OK "Content-Length: 10\r\n\r\nhello", TL_ERROR_IO, true, "the connection broke after 5 bytes");
    expect_failure(&test, OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", TL_ERROR_IO, true, "");
    test = (fixture){0};
    assert_false(get(&test, &(script_answer){OK "Content-Length: 10\r\n\r\nhello", 0, SCRIPT_RESET}, 1, (tl_http_options){0}));
    assert_true(test.response.is_transient);
    end(&test);
    expect_failure(&test, "SSH-2.0-no\r\n", TL_ERROR_IO, false, "");
    expect_failure(&test, OK "Content-Length: -7\r\n\r\nhello", TL_ERROR_IO, false, "");
    expect_failure(&test, OK "Content-Length: 99999999999999999999999\r\n\r\nhello", TL_ERROR_IO, false,
                   "expected a length in bytes");
}

static void limits_hold(void **state)
{
    (void)state;
    fixture test = {0};
    const script_answer stated = {OK "Content-Length: 11\r\n" CLOSE "\r\nhello world", 0, SCRIPT_CLOSE};
    assert_false(get(&test, &stated, 1, (tl_http_options){.max_size = 10}));
    assert_string_equal(test.err.message, "expected at most 10 bytes, found a length of 11");
    assert_int_equal(test.got.body.size, 0);
    end(&test);
    test = (fixture){0};
    const script_answer unstated = {OK CLOSE "\r\nhello world", 0, SCRIPT_CLOSE};
    assert_false(get(&test, &unstated, 1, (tl_http_options){.max_size = 10}));
    assert_string_equal(test.err.message, "expected at most 10 bytes, found more");
    assert_false(test.response.is_transient);
    end(&test);
    test = (fixture){0};
    assert_true(get(&test, &stated, 1, (tl_http_options){.max_size = 11}));
    end(&test);
    /* What comes after the stated length is nobody's. */
    assert_true(get_one(&test, OK "Content-Length: 5\r\n" CLOSE "\r\nhello world"));
    assert_string_equal(test.got.body.data, "hello");
    end(&test);
    /* Headers without an end. */
    tl_string text;
    tl_string_init(&text, 1 << 20);
    assert_true(tl_string_append_text(&text, OK, NULL));
    for (int i = 0; i < 9000; i++)
        assert_true(tl_string_append_format(&text, NULL, "X-Row-%d: aaaaaaaaaaaaaaaaaaaa\r\n", i));
    assert_true(tl_string_append_text(&text, "\r\n", NULL));
    assert_false(get_one(&test, text.data));
    assert_false(test.response.is_transient);
    end(&test);
    /* An ETag that is longer than anyone keeps is as good as none. */
    tl_string_reset(&text);
    assert_true(tl_string_append_format(&text, NULL, OK "Content-Length: 1\r\n" CLOSE "ETag: \"%0400d\"\r\n\r\nx", 7));
    assert_true(get_one(&test, text.data));
    assert_string_equal(test.response.etag, "");
    end(&test);
    tl_string_clear(&text);
}

static void the_sink_may_refuse(void **state)
{
    (void)state;
    fixture test = {.got.refuse_after = 3};
    const script_answer answer_text = {OK "Content-Length: 5\r\n" CLOSE "\r\nhello", 0, SCRIPT_CLOSE};
    assert_false(get(&test, &answer_text, 1, (tl_http_options){0}));
    assert_string_equal(test.err.message, "no more of this");
    assert_int_equal(test.err.kind, TL_ERROR_INVALID);
    assert_false(test.response.is_transient);
    end(&test);
}

static void ranges_are_what_was_asked_for(void **state)
{
    (void)state;
    fixture test = {0};
    const tl_http_options options = {.first = 100, .if_range = "\"v1\""};
    const script_answer right = {
        "HTTP/1.1 206 Part\r\nContent-Range: bytes 100-104/105\r\nContent-Length: 5\r\n" CLOSE "\r\nhello", 0, SCRIPT_CLOSE};
    assert_true(get(&test, &right, 1, options));
    assert_true(test.got.first == 100 && test.response.total_size == 105);
    assert_non_null(strstr(test.server.requests[0], "\r\nRange: bytes=100-\r\n"));
    assert_non_null(strstr(test.server.requests[0], "\r\nIf-Range: \"v1\"\r\n"));
    end(&test);
    test = (fixture){0};
    assert_true(get(&test, &(script_answer){OK "Content-Length: 5\r\n" CLOSE "\r\nhello", 0, SCRIPT_CLOSE}, 1, options));
    assert_true(test.got.first == 0);
    end(&test);
    static const char *const wrong[] = {
        "Content-Range: bytes 99-103/105\r\nContent-Length: 5\r\n",
        "Content-Range: bytes 100-110/111\r\nContent-Length: 5\r\n",
        "Content-Range: bytes 100-99/105\r\nContent-Length: 5\r\n",
        "Content-Range: bytes 100-104/104\r\nContent-Length: 5\r\n",
        "Content-Range: bytes */105\r\nContent-Length: 5\r\n",
        "Content-Range: bytes 100-104\r\nContent-Length: 5\r\n",
        "Content-Range: lines 100-104/105\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\n",
        "Content-Range: bytes 100-99999999999999999999/x\r\nContent-Length: 5\r\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[400];
        snprintf(text, sizeof text, "HTTP/1.1 206 Part\r\n%s" CLOSE "\r\nhello", wrong[i]);
        test = (fixture){0};
        assert_false(get(&test, &(script_answer){text, 0, SCRIPT_CLOSE}, 1, options));
        assert_int_equal(test.got.body.size, 0);
        assert_non_null(strstr(test.err.message, "expected"));
        end(&test);
    }
    test = (fixture){0};
    assert_true(
        get(&test,
            &(script_answer){"HTTP/1.1 206 Part\r\nContent-Range: bytes 100-104/*\r\nContent-Length: 5\r\n" CLOSE "\r\nhello", 0,
                             SCRIPT_CLOSE},
            1, options));
    assert_true(test.response.total_size == TL_HTTP_SIZE_UNKNOWN);
    end(&test);
}

static void redirects_are_followed_within_limits(void **state)
{
    (void)state;
    fixture test = {0};
    /* To itself: same host and port, so the token goes along. */
    const script_answer here[] = {
        {"HTTP/1.1 302 There\r\nLocation: /there\r\nETag: \"not this\"\r\nContent-Length: 4\r\n" CLOSE "\r\nbody", 0,
         SCRIPT_CLOSE},
        {OK "Content-Length: 2\r\n" CLOSE "\r\nok", 0, SCRIPT_CLOSE},
    };
    assert_true(get(&test, here, 2, (tl_http_options){.bearer_token = "secret"}));
    assert_string_equal(test.got.body.data, "ok");
    assert_string_equal(test.response.etag, "");
    assert_non_null(strstr(test.server.requests[0], "Authorization: Bearer secret\r\n"));
    assert_non_null(strstr(test.server.requests[1], "Authorization: Bearer secret\r\n"));
    end(&test);

    /* To another port: another origin, no token. */
    scripted_server other;
    const script_answer there = {OK "Content-Length: 2\r\n" CLOSE "\r\nok", 0, SCRIPT_CLOSE};
    assert_true(scripted_server_start(&other, &there, 1));
    char text[200];
    snprintf(text, sizeof text, "HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:%u/\r\nContent-Length: 0\r\n" CLOSE "\r\n",
             (unsigned)other.port);
    test = (fixture){0};
    assert_true(get(&test, &(script_answer){text, 0, SCRIPT_CLOSE}, 1, (tl_http_options){.bearer_token = "secret"}));
    scripted_server_stop(&other);
    assert_non_null(strstr(test.server.requests[0], "secret"));
    assert_null(strstr(other.requests[0], "secret"));
    assert_null(strstr(other.requests[0], "Authorization"));
    end(&test);

    const script_answer loop = {"HTTP/1.1 302 On\r\nLocation: /again\r\nContent-Length: 0\r\n" CLOSE "\r\n", 0, SCRIPT_CLOSE};
    const script_answer loops[] = {loop, loop, loop, loop};
    test = (fixture){0};
    assert_false(get(&test, loops, 4, (tl_http_options){.max_redirects = 3}));
    assert_false(test.response.is_transient);
    assert_int_equal(test.server.request_count, 4);
    end(&test);

    static const char *const elsewhere[] = {"file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x",
                                            "dict://127.0.0.1/x"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "HTTP/1.1 302 On\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", elsewhere[i]);
        expect_failure(&test, text, TL_ERROR_IO, false, "");
        assert_int_equal(test.got.begun, 0);
    }
}

static void plain_http_is_asked_for(void **state)
{
    (void)state;
    tl_http_client *client = NULL;
    delivery got = {0};
    tl_http_response response;
    tl_error err;
    const tl_http_sink sink = {&got, begin, take, NULL};
    assert_true(tl_http_client_create(&client, NULL));
    assert_false(tl_http_get(client, "http://127.0.0.1:9/", &(tl_http_options){0}, &sink, &response, &err));
    assert_false(response.is_transient);
    assert_false(tl_http_get(client, "file:///etc/passwd", &(tl_http_options){.allow_plain = true}, &sink, &response, &err));
    assert_false(tl_http_get(client, "", &(tl_http_options){.allow_plain = true}, &sink, &response, &err));
    assert_false(tl_http_get(client, "http://[", &(tl_http_options){.allow_plain = true}, &sink, &response, &err));
    assert_int_equal(got.begun, 0);
    /* Nobody listens there, now; somebody may later. */
    assert_false(tl_http_get(client, "http://127.0.0.1:9/", &(tl_http_options){.allow_plain = true}, &sink, &response, &err));
    assert_true(response.is_transient);
    static const char *const tokens[] = {"a b", "a\r\nX: y", "a\n", "\x7f", "\xc3\xa9"};
    for (size_t i = 0; i < 5; i++) {
        const tl_http_options options = {.allow_plain = true, .bearer_token = tokens[i]};
        assert_false(tl_http_get(client, "http://127.0.0.1:9/", &options, &sink, &response, &err));
        assert_int_equal(err.kind, TL_ERROR_INVALID);
        assert_null(strstr(err.message, "X: y"));
    }
    tl_http_client_destroy(client);
}

static void stalls_and_cancellation_end_a_wait(void **state)
{
    (void)state;
    const script_answer stall = {OK "Content-Length: 10\r\n\r\nhello", 0, SCRIPT_STALL};
    fixture test = {0};
    double start = tl_clock_seconds();
    assert_false(get(&test, &stall, 1, (tl_http_options){.stall_seconds = 1}));
    assert_true(test.response.is_transient);
    assert_true(tl_clock_seconds() - start < 10);
    end(&test);
    test = (fixture){.got.cancel_at = tl_clock_seconds() + 0.3};
    start = tl_clock_seconds();
    assert_false(get(&test, &stall, 1, (tl_http_options){0}));
    assert_int_equal(test.err.kind, TL_ERROR_CANCELLED);
    assert_false(test.response.is_transient);
    assert_true(tl_clock_seconds() - start < 10);
    end(&test);
}

static void connections_are_used_again(void **state)
{
    (void)state;
    /* Two requests, one connection: the script answers both in one text. */
    scripted_server server;
    const script_answer both = {OK "Content-Length: 1\r\n\r\na", 0, SCRIPT_STALL};
    assert_true(scripted_server_start(&server, &both, 1));
    tl_http_client *client = NULL;
    tl_http_response response;
    delivery got = {0};
    tl_string_init(&got.body, 100);
    const tl_http_sink sink = {&got, begin, take, NULL};
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", (unsigned)server.port);
    assert_true(tl_http_client_create(&client, NULL));
    assert_true(tl_http_get(client, url, &(tl_http_options){.allow_plain = true}, &sink, &response, NULL));
    assert_int_equal(response.status, 200);
    assert_false(tl_http_get(client, url, &(tl_http_options){.allow_plain = true, .stall_seconds = 1}, &sink, &response, NULL));
    assert_int_equal(response.status, 0);
    assert_true(response.is_transient);
    assert_int_equal(server.request_count, 1);
    tl_http_client_destroy(client);
    scripted_server_stop(&server);
    tl_string_clear(&got.body);
}

static void texts_are_escaped_for_a_url(void **state)
{
    (void)state;
    char url[32] = "http://x/";
    assert_true(tl_http_url_append(url, sizeof url, "a/b c\xff~"));
    assert_string_equal(url, "http://x/a%2Fb%20c%FF~");
    assert_false(tl_http_url_append(url, sizeof url, "0123456789"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_arrives_once_begun),
        cmocka_unit_test(statuses_are_errors_with_a_name),
        cmocka_unit_test(broken_answers_may_be_tried_again),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(the_sink_may_refuse),
        cmocka_unit_test(ranges_are_what_was_asked_for),
        cmocka_unit_test(redirects_are_followed_within_limits),
        cmocka_unit_test(plain_http_is_asked_for),
        cmocka_unit_test(stalls_and_cancellation_end_a_wait),
        cmocka_unit_test(connections_are_used_again),
        cmocka_unit_test(texts_are_escaped_for_a_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
