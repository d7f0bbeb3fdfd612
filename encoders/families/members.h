/* Reading members of other people's configurations, where what is absent has a default of theirs. Within encoders only. */
#ifndef TL_ENCODERS_FAMILIES_MEMBERS_H
#define TL_ENCODERS_FAMILIES_MEMBERS_H

#include "base/io/json.h"

/* A whole number of 0 to 2^31 - 1, or the fallback when absent. */
bool tl_member_size(const tl_json *object, const char *name, uint32_t fallback, uint32_t *out, tl_error *err) TL_MUST_USE;
/* A number, or a pair of the same number: the side of a square. */
bool tl_member_side(const tl_json *object, const char *name, uint32_t fallback, uint32_t *out, tl_error *err) TL_MUST_USE;
bool tl_member_number(const tl_json *object, const char *name, double fallback, double *out, tl_error *err) TL_MUST_USE;
bool tl_member_flag(const tl_json *object, const char *name, bool fallback, bool *out, tl_error *err) TL_MUST_USE;
/* A text, borrowed, or the fallback when absent. */
bool tl_member_text(const tl_json *object, const char *name, const char *fallback, const char **out, tl_error *err) TL_MUST_USE;
/* Fails at the first member whose name is in neither list: each of them may change the arithmetic. `pieces` are those whose
 * presence is understood but whose effect is not written: they must be off. Both end with NULL. */
bool tl_members_check(const tl_json *object, const char *const *known, const char *const *pieces, tl_error *err) TL_MUST_USE;
/* int(width * ratio), as Python does it. */
bool tl_mlp_width(uint32_t width, double ratio, uint32_t *out, tl_error *err) TL_MUST_USE;

#endif
