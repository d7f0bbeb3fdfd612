/*
 * The table of blocks that are not of the public net: IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its
 * successors). IPv6 is asked the other way round: only 2000::/3 is given out, so the table holds its exceptions.
 */
#include "base/net/address.h"

#include <arpa/inet.h>
#include <string.h>

typedef struct block {
    uint8_t first[16];
    unsigned bits;
} block;

static const block closed_v4[] = {
    {{0}, 8},             /* this network */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* shared (carriers' NAT) */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local; clouds answer questions about their machines there */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 88, 99}, 24},  /* 6to4 relays */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarks */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 4},           /* multicast */
    {{240}, 4},           /* reserved, broadcast */
};

static const block given_out_v6 = {{0x20}, 3};
static const block closed_v6[] = {
    {{0x20, 0x01, 0x00}, 23},       /* protocol assignments: Teredo, benchmarks, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16},             /* 6to4 */
    {{0x3f, 0xff, 0x00}, 20},       /* documentation */
};

/* The last four bytes are an IPv4 address that the packet ends at. */
static const block carriers_v6[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, /* mapped */
    {{0x00, 0x64, 0xff, 0x9b}, 96},                   /* NAT64 */
};

static bool lies_in(const uint8_t *bytes, const block *within)
{
    size_t whole = within->bits / 8;
    unsigned rest = within->bits % 8;
    if (memcmp(bytes, within->first, whole) != 0)
        return false;
    return rest == 0 || ((bytes[whole] ^ within->first[whole]) >> (8 - rest)) == 0;
}

static bool lies_in_any(const uint8_t *bytes, const block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lies_in(bytes, &blocks[i]))
            return true;
    return false;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

bool tl_address_is_public(const tl_address *address)
{
    const uint8_t *bytes = address->bytes;
    if (address->size == 4)
        return !lies_in_any(bytes, closed_v4, COUNT(closed_v4));
    if (address->size != 16)
        return false;
    if (lies_in_any(bytes, carriers_v6, COUNT(carriers_v6)))
        return !lies_in_any(bytes + 12, closed_v4, COUNT(closed_v4));
    return lies_in(bytes, &given_out_v6) && !lies_in_any(bytes, closed_v6, COUNT(closed_v6));
}

void tl_address_text(const tl_address *address, char text[TL_ADDRESS_TEXT_SIZE])
{
    if (inet_ntop(address->size == 4 ? AF_INET : AF_INET6, address->bytes, text, TL_ADDRESS_TEXT_SIZE) == NULL)
        text[0] = '\0';
}

bool tl_address_parse(const char *text, tl_address *out)
{
    *out = (tl_address){.size = 4};
    if (inet_pton(AF_INET, text, out->bytes) == 1)
        return true;
    *out = (tl_address){.size = 16};
    return inet_pton(AF_INET6, text, out->bytes) == 1;
}
