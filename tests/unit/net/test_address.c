/* Which addresses are of the public net: first and last of every block that is not, and the neighbours that are. */
#include "base/net/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *const closed[] = {
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.0.0.0",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.0.0",
    "169.254.169.254",
    "169.254.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.0",
    "192.0.0.255",
    "192.0.2.0",
    "192.0.2.255",
    "192.88.99.1",
    "192.168.0.0",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.0",
    "198.51.100.255",
    "203.0.113.0",
    "203.0.113.255",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.0",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.1.2.3",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::192.168.1.1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "fc00::",
    "fd00::2",
    "fdff:ffff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:1ff::1",
    "2001:db8::1",
    "2001:db8:ffff::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "3fff:fff::1",
    "4000::1",
    "5f00::1",
    "1fff::1",
};
static const char *const open[] = {
    "1.0.0.0",
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.0.3.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2000::1",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2001:db7:ffff::1",
    "2001:db9::1",
    "2003::1",
    "2600::1",
    "2a00:1450::1",
    "3ffe:ffff::1",
    "3fff:1000::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
};

static void check(const char *text, bool is_public)
{
    tl_address address;
    assert_true(tl_address_parse(text, &address));
    if (tl_address_is_public(&address) != is_public)
        fail_msg("%s is taken to be %s", text, is_public ? "closed" : "public");
}

static void blocks_end_where_they_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        check(closed[i], false);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        check(open[i], true);
    assert_false(tl_address_is_public(&(tl_address){.size = 0}));
    assert_false(tl_address_is_public(&(tl_address){.bytes = {8, 8, 8, 8}, .size = 5}));
}

/* Each IPv4 address is judged alike when it comes as a mapped one. */
static void mapped_addresses_are_judged_as_what_they_are(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = 0; second < 256; second++) {
            tl_address plain = {.bytes = {(uint8_t)first, (uint8_t)second, 2, 1}, .size = 4};
            tl_address mapped = {
                .bytes = {[10] = 0xff, [11] = 0xff, [12] = (uint8_t)first, [13] = (uint8_t)second, [14] = 2, [15] = 1},
                .size = 16};
            assert_int_equal(tl_address_is_public(&plain), tl_address_is_public(&mapped));
        }
}

static void texts_are_read_and_written(void **state)
{
    (void)state;
    tl_address address;
    char text[TL_ADDRESS_TEXT_SIZE];
    static const char *const good[] = {"1.2.3.4", "::1", "2001:db8::ff00:42:8329", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(tl_address_parse(good[i], &address));
        tl_address_text(&address, text);
        assert_string_equal(text, good[i]);
    }
    static const char *const bad[] = {"",      "1.2.3",      "1.2.3.4.5", "256.1.1.1", "01.2.3.4x",
                                      "[::1]", "fe80::1%lo", "a.here",    "0x7f.1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(tl_address_parse(bad[i], &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_end_where_they_should),
        cmocka_unit_test(mapped_addresses_are_judged_as_what_they_are),
        cmocka_unit_test(texts_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
