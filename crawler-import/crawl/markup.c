/*
 * Owns libxml2. Its HTML parser was chosen over gumbo (Debian's is the archived original of 2015, which frees its tree by
 * recursion: a page of 100,000 nested <b> ends the process) because it is kept, hands out SAX events without a tree, and reads
 * sitemaps as well. What it costs: HTML 4's entities and HTML 4's closing rules, which make no difference to pictures and what
 * is written about them.
 */
#include "crawler-import/crawl/markup.h"

#include <libxml/HTMLparser.h>
#include <libxml/parser.h>

#include <limits.h>

typedef struct reading {
    const tl_markup_handler *handler;
    xmlParserCtxtPtr parser;
    size_t depth;
    bool is_over;
} reading;

static void stop(reading *self)
{
    self->is_over = true;
    xmlStopParser(self->parser);
}

static void on_start(void *context, const xmlChar *name, const xmlChar **attributes)
{
    reading *self = context;
    if (self->is_over)
        return;
    self->depth++;
    if (self->depth > TL_MARKUP_MAX_DEPTH ||
        !self->handler->start(self->handler->context, (const char *)name, (const char *const *)(const void *)attributes))
        stop(self);
}

static void on_end(void *context, const xmlChar *name)
{
    reading *self = context;
    if (self->is_over)
        return;
    if (self->depth != 0)
        self->depth--;
    if (!self->handler->end(self->handler->context, (const char *)name))
        stop(self);
}

static void on_text(void *context, const xmlChar *bytes, int size)
{
    reading *self = context;
    tl_slice text = {(const char *)bytes, size > 0 ? (size_t)size : 0};
    if (!self->is_over && text.size != 0 && !self->handler->text(self->handler->context, text))
        stop(self);
}

static void on_error(void *context, xmlErrorPtr error)
{
    (void)context;
    (void)error; /* the web is broken; whoever wrote the page is not here to read it */
}

static const char *without_prefix(const xmlChar *name)
{
    const char *colon = strrchr((const char *)name, ':');
    return colon != NULL ? colon + 1 : (const char *)name;
}

static void on_xml_start(void *context, const xmlChar *name, const xmlChar **attributes)
{
    on_start(context, (const xmlChar *)without_prefix(name), attributes);
}

static void on_xml_end(void *context, const xmlChar *name)
{
    on_end(context, (const xmlChar *)without_prefix(name));
}

/* The predefined entities (&amp; and so on) come as text; no others are known. */
static xmlEntityPtr find_entity(void *context, const xmlChar *name)
{
    (void)context;
    return xmlGetPredefinedEntity(name);
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f';
}

static bool is_of_name(char byte)
{
    return !is_space(byte) && strchr("\"'<>/=", byte) == NULL;
}

/* The end of the attribute's value that follows an '=' (white space, then quoted or bare). */
static size_t end_of_value(const char *text, size_t size, size_t at)
{
    while (at < size && is_space(text[at]))
        at++;
    if (at < size && (text[at] == '"' || text[at] == '\'')) {
        const char *end = memchr(text + at + 1, text[at], size - at - 1);
        return end != NULL ? (size_t)(end - text) + 1 : size;
    }
    while (at < size && !is_space(text[at]) && text[at] != '>')
        at++;
    return at;
}

/* Blanks what follows the first attributes of a tag that begins at `at`; returns where the tag ends. */
static size_t tame_tag(char *text, size_t size, size_t at)
{
    size_t count = 0; /* the element's own name counts */
    while (at < size && text[at] != '>') {
        size_t end = at + 1;
        if (text[at] == '=')
            end = end_of_value(text, size, at + 1);
        else if (is_of_name(text[at])) {
            while (end < size && is_of_name(text[end]))
                end++;
            count++;
        }
        if (count > TL_MARKUP_MAX_ATTRIBUTES)
            memset(text + at, ' ', end - at);
        at = end;
    }
    return at;
}

static void leave_out_surplus_attributes(tl_string *text)
{
    size_t at = 0;
    for (const char *found; at < text->size && (found = memchr(text->data + at, '<', text->size - at)) != NULL;) {
        at = (size_t)(found - text->data) + 1;
        char next = at < text->size ? text->data[at] : ' ';
        if ((next | 0x20) >= 'a' && (next | 0x20) <= 'z')
            at = tame_tag(text->data, text->size, at);
    }
}

static bool read_markup(tl_string *text, bool is_html, const tl_markup_handler *handler, tl_error *err)
{
    if (text->size > INT_MAX)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected markup of less than 2 GiB, found %zu bytes", text->size);
    if (text->size == 0)
        return true;
    leave_out_surplus_attributes(text);
    xmlInitParser();
    reading self = {.handler = handler, .parser = is_html ? htmlNewParserCtxt() : xmlNewParserCtxt()};
    if (self.parser == NULL)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "no memory for a parser of markup");
    xmlSAXHandler events = {.startElement = is_html ? on_start : on_xml_start,
                            .endElement = is_html ? on_end : on_xml_end,
                            .characters = on_text,
                            .ignorableWhitespace = on_text,
                            .cdataBlock = on_text,
                            .getEntity = is_html ? NULL : find_entity,
                            .serror = on_error};
    *self.parser->sax = events;
    self.parser->userData = &self;
    if (is_html)
        htmlCtxtReadMemory(self.parser, text->data, (int)text->size, NULL, "UTF-8",
                           HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
                               HTML_PARSE_NOIMPLIED | HTML_PARSE_COMPACT);
    else
        xmlFreeDoc(xmlCtxtReadMemory(self.parser, text->data, (int)text->size, NULL, "UTF-8",
                                     XML_PARSE_RECOVER | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NONET |
                                         XML_PARSE_IGNORE_ENC | XML_PARSE_COMPACT));
    bool is_short_of_memory = self.parser->errNo == XML_ERR_NO_MEMORY;
    if (is_html)
        htmlFreeParserCtxt(self.parser);
    else
        xmlFreeParserCtxt(self.parser);
    return !is_short_of_memory || tl_fail(err, TL_ERROR_NO_MEMORY, "no memory to read markup");
}

bool tl_markup_read_html(tl_string *text, const tl_markup_handler *handler, tl_error *err)
{
    return read_markup(text, true, handler, err);
}

bool tl_markup_read_xml(tl_string *text, const tl_markup_handler *handler, tl_error *err)
{
    return read_markup(text, false, handler, err);
}

const char *tl_markup_attribute(const char *const *attributes, const char *name)
{
    for (size_t i = 0; attributes != NULL && attributes[i] != NULL; i += 2)
        if (strcmp(attributes[i], name) == 0)
            return attributes[i + 1];
    return NULL;
}

const char *tl_markup_first_attribute(const char *const *attributes, const char *const *names)
{
    for (; *names != NULL; names++) {
        const char *value = tl_markup_attribute(attributes, *names);
        if (value != NULL && value[0] != '\0')
            return value;
    }
    return NULL;
}
