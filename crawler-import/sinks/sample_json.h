/* The metadata of a sample as its dataset keeps it: a function of the sample alone, so the same samples give the same bytes. */
#ifndef TL_CRAWLER_IMPORT_SINKS_SAMPLE_JSON_H
#define TL_CRAWLER_IMPORT_SINKS_SAMPLE_JSON_H

#include "base/image/probe.h"
#include "crawler-import/import.h"

/*
 * Appends one compact JSON object: what the sample's json has, with key, caption, captions, split, label, url, origin (where the
 * sample was first read), width, height and xxh128 (XXH3 128-bit hash of the picture's bytes) set where they apply. split may be
 * NULL: then what the sample says stays. info NULL: there is no picture. out must have room for usual metadata already, see
 * tl_sample_json_make_room.
 */
bool tl_sample_json_append(const tl_sample *sample, const char *key, const char *split, const tl_image_info *info, tl_string *out,
                           tl_error *err) TL_MUST_USE;
/* Room made once: the json library drops a member's name, and says nothing, when its output cannot grow there. Empties out. */
bool tl_sample_json_make_room(tl_string *out, tl_error *err) TL_MUST_USE;

#endif
