#include "base/core/utf8.h"

#include <string.h>

tl_slice tl_utf8_without_mark(tl_slice text)
{
    if (text.size >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0)
        return (tl_slice){text.data + 3, text.size - 3};
    return text;
}

bool tl_utf8_append(tl_string *string, tl_slice bytes, tl_error *err)
{
    size_t bad;
    while (!tl_text_is_utf8(bytes, &bad)) {
        if (!tl_string_append(string, bytes.data, bad, err) || !tl_string_append_text(string, "\xEF\xBF\xBD", err))
            return false;
        bytes = (tl_slice){bytes.data + bad + 1, bytes.size - bad - 1};
    }
    return tl_string_append(string, bytes.data, bytes.size, err);
}
