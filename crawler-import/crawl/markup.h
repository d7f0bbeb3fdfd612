/*
 * HTML and XML as a stream of elements and texts, over libxml2. HTML is read as browsers would forgive it: what is broken is
 * closed, nothing is refused. XML is read up to what is broken. No network, no external entities, no tree.
 */
#ifndef TL_CRAWLER_IMPORT_CRAWL_MARKUP_H
#define TL_CRAWLER_IMPORT_CRAWL_MARKUP_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

/* Elements nested deeper than this end the reading: what came before stays. */
#define TL_MARKUP_MAX_DEPTH 1024
/* Attributes of one element after these are not read: libxml2 compares each with all before it. */
#define TL_MARKUP_MAX_ATTRIBUTES 256

/*
 * Names are lower case in HTML and local names in XML. attributes: name, value, name, value, ..., NULL, or NULL when there are
 * none; a value may be NULL. Entities are resolved. A text may come in pieces. A false ends the reading without an error (whoever
 * returned it knows why). Every start has its end, unless the reading was ended.
 */
typedef struct tl_markup_handler {
    void *context;
    bool (*start)(void *context, const char *name, const char *const *attributes);
    bool (*end)(void *context, const char *name);
    bool (*text)(void *context, tl_slice text);
} tl_markup_handler;

/* text: UTF-8 without NUL; surplus attributes in it are overwritten with spaces. An error is one of memory only. */
bool tl_markup_read_html(tl_string *text, const tl_markup_handler *handler, tl_error *err) TL_MUST_USE;
/* The same; whatever encoding the text declares, it is UTF-8. */
bool tl_markup_read_xml(tl_string *text, const tl_markup_handler *handler, tl_error *err) TL_MUST_USE;
/* The value of an attribute, or NULL. */
const char *tl_markup_attribute(const char *const *attributes, const char *name);
/* The value of the first of these names (NULL ends them) that has one which is not empty, or NULL. */
const char *tl_markup_first_attribute(const char *const *attributes, const char *const *names);

#endif
