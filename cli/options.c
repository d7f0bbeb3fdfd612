/* Parsing is one pass over argv; every value is checked here, so that commands never see a bad one. */
#include "cli/options.h"

#include "base/core/memory.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *field(void *values, const tl_option *option)
{
    return (char *)values + option->offset;
}

static bool append_text(tl_text_list *list, const char *text, tl_error *err)
{
    if (!tl_memory_reserve(&list->items, &list->capacity, list->count + 1, sizeof *list->items, err))
        return false;
    list->items[list->count++] = text;
    return true;
}

static void set_fallbacks(const tl_option *options, size_t option_count, void *values)
{
    for (size_t i = 0; i < option_count; i++) {
        void *target = field(values, &options[i]);
        if (options[i].type == TL_OPTION_TEXT)
            *(const char **)target = options[i].fallback_text;
        else if (options[i].type == TL_OPTION_INTEGER)
            *(int64_t *)target = (int64_t)options[i].fallback;
        else if (options[i].type == TL_OPTION_NUMBER)
            *(double *)target = options[i].fallback;
    }
}

static bool is_choice(const char *choices, const char *text)
{
    size_t size = strlen(text);
    for (const char *at = choices; at != NULL; at = strchr(at, '|') != NULL ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, text, size) == 0 && (at[size] == '|' || at[size] == '\0'))
            return true;
    return false;
}

static bool check_range(const tl_option *option, double value, const char *text, tl_error *err)
{
    if ((option->minimum != 0 || option->maximum != 0) && (value < option->minimum || value > option->maximum))
        return tl_fail(err, TL_ERROR_INVALID, "--%s: expected %.10g to %.10g, found '%s'", option->name, option->minimum,
                       option->maximum, text);
    return true;
}

static bool set_integer(const tl_option *option, void *target, const char *text, tl_error *err)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0)
        return tl_fail(err, TL_ERROR_INVALID, "--%s: expected a whole number, found '%s'", option->name, text);
    *(int64_t *)target = value;
    return check_range(option, (double)value, text, err);
}

static bool set_number(const tl_option *option, void *target, const char *text, tl_error *err)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        return tl_fail(err, TL_ERROR_INVALID, "--%s: expected a number, found '%s'", option->name, text);
    *(double *)target = value;
    return check_range(option, value, text, err);
}

static bool set_value(const tl_option *option, void *values, const char *text, tl_error *err)
{
    void *target = field(values, option);
    if (option->mark != 0)
        *(bool *)((char *)values + option->mark) = true;
    switch (option->type) {
    case TL_OPTION_TEXT:
        if (option->choices != NULL && !is_choice(option->choices, text))
            return tl_fail(err, TL_ERROR_INVALID, "--%s: expected %s, found '%s'", option->name, option->choices, text);
        *(const char **)target = text;
        return true;
    case TL_OPTION_LIST:
    case TL_OPTION_PAIR:
        return append_text(target, text, err);
    case TL_OPTION_INTEGER:
        return set_integer(option, target, text, err);
    case TL_OPTION_NUMBER:
        return set_number(option, target, text, err);
    case TL_OPTION_FLAG:
        *(bool *)target = true;
        return true;
    case TL_OPTION_HEADING:
        break;
    }
    return false;
}

static const tl_option *find_long(const tl_option *options, size_t option_count, const char *name, size_t size)
{
    for (size_t i = 0; i < option_count; i++) {
        const char *names[] = {options[i].name, options[i].alias};
        for (size_t j = 0; j < 2; j++)
            if (names[j] != NULL && strlen(names[j]) == size && memcmp(names[j], name, size) == 0)
                return &options[i];
    }
    return NULL;
}

const tl_option *tl_options_find(const tl_option *options, size_t option_count, const char *name)
{
    return find_long(options, option_count, name, strlen(name));
}

static bool is_given(const tl_option *option, const void *values)
{
    const void *value = (const char *)values + option->offset;
    switch (option->type) {
    case TL_OPTION_TEXT: {
        const char *text = *(const char *const *)value;
        return text != option->fallback_text && (option->fallback_text == NULL || strcmp(text, option->fallback_text) != 0);
    }
    case TL_OPTION_LIST:
    case TL_OPTION_PAIR:
        return ((const tl_text_list *)value)->count != 0;
    case TL_OPTION_INTEGER:
        return *(const int64_t *)value != (int64_t)option->fallback;
    case TL_OPTION_NUMBER:
        return *(const double *)value != option->fallback;
    case TL_OPTION_FLAG:
        return *(const bool *)value;
    case TL_OPTION_HEADING:
        break;
    }
    return false;
}

const tl_option *tl_options_find_given(const tl_option *options, size_t option_count, const void *values)
{
    for (size_t i = 0; i < option_count; i++)
        if (is_given(&options[i], values))
            return &options[i];
    return NULL;
}

static const tl_option *find_letter(const tl_option *options, size_t option_count, char letter)
{
    for (size_t i = 0; i < option_count; i++)
        if (options[i].letter == letter)
            return &options[i];
    return NULL;
}

/* The option that argument names; *attached is the value written in the same argument, or NULL. */
static const tl_option *find_option(const tl_option *options, size_t option_count, const char *argument, const char **attached)
{
    *attached = NULL;
    if (argument[1] == '-') {
        const char *equals = strchr(argument, '=');
        size_t size = equals != NULL ? (size_t)(equals - argument) - 2 : strlen(argument) - 2;
        *attached = equals != NULL ? equals + 1 : NULL;
        return find_long(options, option_count, argument + 2, size);
    }
    if (argument[2] != '\0')
        *attached = argument + 2;
    return find_letter(options, option_count, argument[1]);
}

bool tl_options_parse(const tl_option *options, size_t option_count, char **arguments, size_t count, void *values,
                      tl_text_list *rest, bool *wants_help, tl_error *err)
{
    bool options_ended = false;
    *wants_help = false;
    set_fallbacks(options, option_count, values);
    for (size_t i = 0; i < count; i++) {
        const char *argument = arguments[i];
        if (options_ended || argument[0] != '-' || argument[1] == '\0') {
            if (!append_text(rest, argument, err))
                return false;
            continue;
        }
        if (strcmp(argument, "--") == 0) {
            options_ended = true;
            continue;
        }
        if (strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0) {
            *wants_help = true;
            return true;
        }
        const char *value;
        const tl_option *option = find_option(options, option_count, argument, &value);
        if (option == NULL)
            return tl_fail(err, TL_ERROR_INVALID, "unknown option '%s'", argument);
        if (option->type == TL_OPTION_FLAG) {
            if (value != NULL)
                return tl_fail(err, TL_ERROR_INVALID, "--%s takes no value, found '%s'", option->name, argument);
            if (!set_value(option, values, NULL, err))
                return false;
            continue;
        }
        for (size_t needed = option->type == TL_OPTION_PAIR ? 2 : 1; needed != 0; needed--) {
            if (value == NULL && i + 1 == count)
                return tl_fail(err, TL_ERROR_INVALID, "--%s: expected %s after it, found nothing", option->name, option->value);
            if (!set_value(option, values, value != NULL ? value : arguments[++i], err))
                return false;
            value = NULL;
        }
    }
    return true;
}

void tl_options_clear(const tl_option *options, size_t option_count, void *values, tl_text_list *rest)
{
    for (size_t i = 0; i < option_count; i++)
        if (options[i].type == TL_OPTION_LIST || options[i].type == TL_OPTION_PAIR)
            tl_memory_free(((tl_text_list *)field(values, &options[i]))->items);
    tl_memory_free(rest->items);
}

static void print_default(const tl_option *option)
{
    if (option->type == TL_OPTION_TEXT && option->fallback_text != NULL)
        printf(" [%s]", option->fallback_text);
    else if ((option->type == TL_OPTION_INTEGER || option->type == TL_OPTION_NUMBER) && option->fallback != 0)
        printf(" [%g]", option->fallback);
}

void tl_options_print(const tl_option *options, size_t option_count)
{
    enum { LEFT_WIDTH = 30 };
    printf("  %-*s %s\n", LEFT_WIDTH, "-h, --help", "this text");
    for (size_t i = 0; i < option_count; i++) {
        const tl_option *option = &options[i];
        if (option->type == TL_OPTION_HEADING) {
            printf("\n%s:\n", option->help);
            continue;
        }
        char left[64];
        const char *value = option->choices != NULL ? option->choices : option->value != NULL ? option->value : "";
        if (option->letter != 0)
            snprintf(left, sizeof left, "-%c, --%s %s", option->letter, option->name, value);
        else
            snprintf(left, sizeof left, "    --%s %s", option->name, value);
        bool is_long = strlen(left) > LEFT_WIDTH;
        printf("  %-*s%s", LEFT_WIDTH, left, is_long ? "\n" : "");
        printf("%*s%s", is_long ? LEFT_WIDTH + 3 : 1, "", option->help);
        print_default(option);
        printf("\n");
    }
}
