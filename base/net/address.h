/* Addresses of IPv4 and IPv6, and which of them belong to the public net. */
#ifndef TL_BASE_NET_ADDRESS_H
#define TL_BASE_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TL_ADDRESS_TEXT_SIZE 46 /* the longest text of an IPv6 address and a NUL */

typedef struct tl_address {
    uint8_t bytes[16]; /* network order */
    uint8_t size;      /* 4 or 16 */
} tl_address;

/*
 * False for whatever IANA's special-purpose registries keep from the public net: this host, private, shared (CGNAT), loopback,
 * link-local, unique-local, documentation, benchmarks, multicast, reserved; and for IPv6 addresses that stand for such an IPv4
 * one (mapped, NAT64). Ways around through tunnels (6to4, Teredo) are not public either.
 */
bool tl_address_is_public(const tl_address *address);
/* The text of an address ("192.0.2.1", "2001:db8::1", no brackets). */
void tl_address_text(const tl_address *address, char text[TL_ADDRESS_TEXT_SIZE]);
/* False when text is no address. */
bool tl_address_parse(const char *text, tl_address *out);

#ifdef __cplusplus
}
#endif

#endif
