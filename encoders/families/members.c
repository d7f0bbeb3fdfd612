#include "encoders/families/members.h"

#include <math.h>
#include <string.h>

bool tl_member_size(const tl_json *object, const char *name, uint32_t fallback, uint32_t *out, tl_error *err)
{
    int64_t value = fallback;
    if (tl_json_member(object, name) != NULL && !tl_json_get_integer(object, name, 0, INT32_MAX, &value, err))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool tl_member_side(const tl_json *object, const char *name, uint32_t fallback, uint32_t *out, tl_error *err)
{
    const tl_json *member = tl_json_member(object, name);
    int64_t height, width;
    if (tl_json_array_size(member) != 2)
        return tl_member_size(object, name, fallback, out, err);
    if (!tl_json_integer(tl_json_array_item(member, 0), &height) || !tl_json_integer(tl_json_array_item(member, 1), &width) ||
        height < 0 || height > INT32_MAX)
        return tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected a number or a pair of them", name);
    if (height != width)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'%s': expected a square, found %lld x %lld", name, (long long)height,
                       (long long)width);
    *out = (uint32_t)height;
    return true;
}

bool tl_member_number(const tl_json *object, const char *name, double fallback, double *out, tl_error *err)
{
    *out = fallback;
    return tl_json_member(object, name) == NULL || tl_json_get_number(object, name, out, err);
}

bool tl_member_flag(const tl_json *object, const char *name, bool fallback, bool *out, tl_error *err)
{
    const tl_json *member = tl_json_member(object, name);
    *out = fallback;
    return member == NULL || tl_json_bool(member, out) || tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected true or false", name);
}

bool tl_member_text(const tl_json *object, const char *name, const char *fallback, const char **out, tl_error *err)
{
    *out = fallback;
    return tl_json_member(object, name) == NULL || tl_json_get_text(object, name, out, err);
}

/* True when the member is absent, or false, or 0, or its object is empty: a piece that this model does without. */
static bool is_off(const tl_json *object, const char *name)
{
    const tl_json *member = tl_json_member(object, name);
    double number;
    bool flag;
    if (member == NULL)
        return true;
    if (tl_json_number(member, &number))
        return number == 0.0;
    if (tl_json_is_object(member))
        return tl_json_object_size(member) == 0;
    const char *text = tl_json_text(member);
    if (text != NULL)
        return text[0] == '\0';
    return tl_json_bool(member, &flag) && !flag;
}

typedef struct member_lists {
    const tl_json *object;
    const char *const *known, *const *pieces;
    tl_error *err;
} member_lists;

static bool is_in(const char *const *list, const char *name)
{
    for (; list != NULL && *list != NULL; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static bool check_member(void *context, const char *name, const tl_json *value)
{
    const member_lists *lists = context;
    (void)value;
    if (is_in(lists->known, name) || (is_in(lists->pieces, name) && is_off(lists->object, name)))
        return true;
    return tl_fail(lists->err, TL_ERROR_UNSUPPORTED, "member '%.80s' is not one this program can compute", name);
}

bool tl_members_check(const tl_json *object, const char *const *known, const char *const *pieces, tl_error *err)
{
    member_lists lists = {object, known, pieces, err};
    if (!tl_json_is_object(object))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an object");
    return tl_json_each_member(object, check_member, &lists);
}

bool tl_mlp_width(uint32_t width, double ratio, uint32_t *out, tl_error *err)
{
    double product = (double)width * ratio;
    if (!(product >= 1.0 && product <= (double)INT32_MAX))
        return tl_fail(err, TL_ERROR_CORRUPT, "'mlp_ratio': expected a width of 1 to %ld, found %g times %lu", (long)INT32_MAX,
                       ratio, (unsigned long)width);
    *out = (uint32_t)product;
    return true;
}
