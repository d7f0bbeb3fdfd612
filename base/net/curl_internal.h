/* The one file that includes curl.h: single downloads (http.c), many at a time (transfers.c) and URLs (url.c) share it. */
#ifndef TL_BASE_NET_CURL_INTERNAL_H
#define TL_BASE_NET_CURL_INTERNAL_H

#include <curl/curl.h>

#endif
