/* What the camera wrote into a JPEG, PNG or WebP file (Exif 2.32), over libexif. Broken metadata reads as absent, never as an
 * error. */
#ifndef TL_BASE_IMAGE_EXIF_H
#define TL_BASE_IMAGE_EXIF_H

#include "base/core/slice.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_exif {
    uint8_t orientation; /* 1..8; 1 when absent or senseless */
    char taken[20];      /* "2024-05-17T09:30:00", local time of the camera; "" when absent */
    char camera[64];     /* "Maker Model" in valid UTF-8; "" when absent */
    bool has_place;
    double latitude;  /* degrees, north positive */
    double longitude; /* degrees, east positive */
} tl_exif;

void tl_exif_read(tl_slice bytes, tl_exif *out);

#ifdef __cplusplus
}
#endif

#endif
