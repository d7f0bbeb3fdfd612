/* Repair of mojibake: UTF-8 that somebody decoded in a single-byte encoding ("schÃ¶n"), after ftfy 6.3 (Speer 2019). */
#ifndef TL_TOKENIZER_CLEANUP_MOJIBAKE_INTERNAL_H
#define TL_TOKENIZER_CLEANUP_MOJIBAKE_INTERNAL_H

#include "tokenizer/cleanup/unicode.h"

/* What a character means in mojibake: bits of a mask. */
enum {
    TL_MOJIBAKE_COMMON = 1 << 0,
    TL_MOJIBAKE_C1 = 1 << 1,
    TL_MOJIBAKE_BAD = 1 << 2,
    TL_MOJIBAKE_LAW = 1 << 3,
    TL_MOJIBAKE_CURRENCY = 1 << 4,
    TL_MOJIBAKE_START = 1 << 5, /* punctuation that opens */
    TL_MOJIBAKE_END = 1 << 6,   /* punctuation that closes */
    TL_MOJIBAKE_NUMERIC = 1 << 7,
    TL_MOJIBAKE_KAOMOJI = 1 << 8,
    TL_MOJIBAKE_UPPER_ACCENTED = 1 << 9,
    TL_MOJIBAKE_LOWER_ACCENTED = 1 << 10,
    TL_MOJIBAKE_UPPER_COMMON = 1 << 11,
    TL_MOJIBAKE_LOWER_COMMON = 1 << 12,
    TL_MOJIBAKE_BOX = 1 << 13,
    TL_MOJIBAKE_FIRST_OF_2 = 1 << 14, /* what the bytes of UTF-8 look like in these encodings */
    TL_MOJIBAKE_FIRST_OF_3 = 1 << 15,
    TL_MOJIBAKE_FIRST_OF_4 = 1 << 16,
    TL_MOJIBAKE_CONTINUATION = 1 << 17,
    TL_MOJIBAKE_CONTINUATION_STRICT = 1 << 18
};

typedef struct tl_mojibake_range {
    uint16_t first, last;
    uint32_t mask;
} tl_mojibake_range;

typedef struct tl_mojibake_encoding {
    const char *name;
    bool is_sloppy; /* U+FFFD is byte 0x1A: a byte that was lost */
    uint16_t points[128];
} tl_mojibake_encoding;

extern const tl_mojibake_range tl_mojibake_ranges[]; /* sorted */
extern const size_t tl_mojibake_range_count;
extern const tl_mojibake_encoding tl_mojibake_encodings[]; /* in the order of trying; Latin-1 first, then Windows-1252 */
extern const size_t tl_mojibake_encoding_count;

/* The meaning of a character; 0 for most. */
uint32_t tl_mojibake__mask(uint32_t point);
/* Whether some sequence of characters is much likelier to be mojibake than meant (ftfy's is_bad). */
bool tl_mojibake__is_bad(const uint32_t *text, size_t count);
/* Replaces text by what it was meant to be (ftfy's fix_encoding). */
bool tl_mojibake__repair(tl_code_points *text, tl_error *err) TL_MUST_USE;
/* The character that a C1 control stands for in Windows-1252. */
uint32_t tl_mojibake__c1_meaning(uint32_t point);

#endif
