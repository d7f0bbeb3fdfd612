/* Owns the grammar of srcset (HTML Living Standard, "parse a srcset attribute"): URLs may hold commas, descriptors brackets. */
#include "crawler-import/crawl/srcset.h"

#include <stdlib.h>

static const double guessed_width = 400; /* of a picture shown at a width that the page does not state */

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f';
}

static void offer(tl_srcset_best *best, tl_slice url, double width, double wanted)
{
    bool is_first = best->url.size == 0;
    bool is_enough = width >= wanted;
    bool is_better = best->width >= wanted ? is_enough && width < best->width : width > best->width;
    if (is_first || is_better)
        *best = (tl_srcset_best){url, width};
}

/* The width that the descriptors ("640w", "2x", "640w 480h") state. */
static double stated_width(tl_slice descriptors, double shown_width)
{
    double width = shown_width;
    for (size_t at = 0; at < descriptors.size;) {
        char number[32];
        size_t size = 0;
        while (at < descriptors.size && is_space(descriptors.data[at]))
            at++;
        for (; at < descriptors.size && !is_space(descriptors.data[at]); at++)
            if (size + 1 < sizeof number)
                number[size++] = descriptors.data[at];
        number[size] = '\0';
        char *end;
        double value = strtod(number, &end);
        if (end == number || !(value > 0 && value < 1e6))
            continue;
        if (*end == 'w' && end[1] == '\0')
            return value;
        if (*end == 'x' && end[1] == '\0')
            width = value * shown_width;
    }
    return width;
}

void tl_srcset_offer(tl_srcset_best *best, tl_slice srcset, double wanted_width, double shown_width)
{
    const char *text = srcset.data;
    double shown = shown_width > 0 ? shown_width : guessed_width;
    size_t at = 0;
    while (at < srcset.size) {
        while (at < srcset.size && (is_space(text[at]) || text[at] == ','))
            at++;
        size_t first = at;
        while (at < srcset.size && !is_space(text[at]))
            at++;
        tl_slice url = {text + first, at - first};
        bool has_descriptors = true;
        while (url.size != 0 && url.data[url.size - 1] == ',') {
            url.size--;
            has_descriptors = false;
        }
        first = at;
        for (unsigned depth = 0; has_descriptors && at < srcset.size && (text[at] != ',' || depth != 0); at++)
            depth += text[at] == '(' ? 1 : text[at] == ')' && depth != 0 ? (unsigned)-1 : 0;
        if (url.size != 0)
            offer(best, url, stated_width((tl_slice){text + first, at - first}, shown), wanted_width);
    }
}
