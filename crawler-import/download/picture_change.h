/* A picture as it came becomes a picture as it is stored: refused, left as it is, or turned, resized and written again. */
#ifndef TL_CRAWLER_IMPORT_DOWNLOAD_PICTURE_CHANGE_H
#define TL_CRAWLER_IMPORT_DOWNLOAD_PICTURE_CHANGE_H

#include "base/core/string.h"
#include "base/image/exif.h"
#include "crawler-import/download/download.h"

#include <pthread.h>

typedef struct tl_changed_picture {
    const char *reason;                       /* NULL: good; else why it is refused, in a few stable words */
    tl_slice bytes;                           /* to store: what came, or in the caller's string */
    tl_image_info info;                       /* of those bytes */
    uint32_t original_width, original_height; /* of what came, as it is looked at (EXIF orientation applied) */
    tl_exif exif;                             /* of what came */
} tl_changed_picture;

/* A message that names a rule that cannot be. */
bool tl_picture_rules_check(const tl_picture_rules *rules, tl_error *err) TL_MUST_USE;
/*
 * scratch is emptied and may become the home of out->bytes. Pictures that take much memory to decode wait for each other at
 * `large`, so that threads cannot take it all at once. False only when the process cannot go on.
 */
bool tl_picture_change(tl_slice bytes, const tl_picture_rules *rules, pthread_mutex_t *large, tl_string *scratch,
                       tl_changed_picture *out, tl_error *err) TL_MUST_USE;

#endif
