/*
 * Options by table: a command lists what it takes, this parses argv into the command's struct, checks every value and prints -h.
 * Long names (--index FILE, --index=FILE), letters (-k 10, -k10), "--" ends the options, anything else is an argument.
 */
#ifndef TL_CLI_OPTIONS_H
#define TL_CLI_OPTIONS_H

#include "base/core/error.h"

#include <stdint.h>

typedef enum tl_option_type {
    TL_OPTION_FLAG,    /* bool */
    TL_OPTION_TEXT,    /* const char * */
    TL_OPTION_LIST,    /* tl_text_list, may be given again */
    TL_OPTION_PAIR,    /* tl_text_list, two values follow */
    TL_OPTION_INTEGER, /* int64_t */
    TL_OPTION_NUMBER,  /* double */
    TL_OPTION_HEADING  /* no option: its help stands over those after it */
} tl_option_type;

typedef struct tl_text_list {
    const char **items; /* borrowed texts */
    size_t count;
    size_t capacity;
} tl_text_list;

typedef struct tl_option {
    const char *name;  /* without dashes; NULL: of a heading */
    char letter;       /* or 0 */
    const char *alias; /* a second long name, or NULL */
    tl_option_type type;
    const char *value;         /* how help calls the value: "FILE" */
    const char *help;          /* one line */
    size_t offset;             /* of the field in the command's options struct */
    const char *choices;       /* TEXT: "image|caption", or NULL for any */
    double minimum, maximum;   /* numbers; both 0: any that fits */
    double fallback;           /* numbers: the default */
    const char *fallback_text; /* TEXT: the default */
    size_t mark;               /* of a bool in the struct, set when the option was given; 0: none */
} tl_option;

/* A line of -h that stands over the options after it. */
#define TL_OPTION_GROUP(text)                   \
    {                                           \
        .type = TL_OPTION_HEADING, .help = text \
    }

/* Parses arguments[0..count-1] into values (zeroed by the caller) and rest. The error is one line for the user. *wants_help: -h
 * was there. */
bool tl_options_parse(const tl_option *options, size_t option_count, char **arguments, size_t count, void *values,
                      tl_text_list *rest, bool *wants_help, tl_error *err) TL_MUST_USE;
/* Frees what parsing allocated in values and rest. */
void tl_options_clear(const tl_option *options, size_t option_count, void *values, tl_text_list *rest);
/* The option of this name, or NULL. */
const tl_option *tl_options_find(const tl_option *options, size_t option_count, const char *name);
/* The first option whose value in values is not its default, or NULL. */
const tl_option *tl_options_find_given(const tl_option *options, size_t option_count, const void *values);
/* Prints the option table to stdout. */
void tl_options_print(const tl_option *options, size_t option_count);

#endif
