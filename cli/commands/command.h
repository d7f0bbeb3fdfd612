/* A command is a record: its name, its options, its help, and a function that runs it. registry.c lists them. */
#ifndef TL_CLI_COMMANDS_COMMAND_H
#define TL_CLI_COMMANDS_COMMAND_H

#include "base/io/json.h"
#include "cli/app/model_bundle.h"
#include "cli/app/reasons.h"
#include "cli/app/runtime.h"
#include "cli/options.h"

#include <stdio.h>

/* Exit codes of the program. */
typedef enum tl_exit { TL_EXIT_DONE = 0, TL_EXIT_FAILED = 1, TL_EXIT_USAGE = 2, TL_EXIT_SKIPPED = 3 } tl_exit;

typedef struct tl_command_call {
    tl_runtime *runtime;
    const void *options; /* the command's struct, filled */
    const tl_text_list *arguments;
    tl_exit exit;   /* set TL_EXIT_SKIPPED when items were skipped; on failure TL_EXIT_USAGE when the call itself was wrong */
    bool is_silent; /* another process does the same and says what there is to say */
} tl_command_call;

typedef struct tl_command {
    const char *name;
    const char *summary; /* one line for the list of commands */
    const char *usage;   /* after the name: "SOURCE... -o DATASET [options]" */
    const char *details; /* paragraphs, may be "" */
    const char *example; /* lines a person can paste */
    const tl_option *options;
    size_t option_count;
    size_t options_size;                         /* of the struct, at most TL_COMMAND_OPTIONS_MAX */
    size_t minimum_arguments, maximum_arguments; /* maximum 0: none; SIZE_MAX: any number */
    bool (*run)(tl_command_call *call, tl_error *err);
} tl_command;

#define TL_COMMAND_OPTIONS_MAX 1024

extern const tl_command *const tl_commands[];
extern const size_t tl_command_count;

/* A failure whose cause is the call: exit code 2. Returns false. */
bool tl_command_misuse(tl_command_call *call, tl_error *err, const char *format, ...) TL_PRINTF(3, 4);
/* Misuse when one of the prompts has no place for the label. */
bool tl_command_check_templates(tl_command_call *call, const tl_text_list *templates, tl_error *err) TL_MUST_USE;
/* Says on stderr what a user should know about how a model was read. */
void tl_command_warn_of_model(const tl_model_bundle *bundle);
/* The model given by option, else the default one, with such a warning; to be used in the precision of the option (NULL: f32). */
bool tl_command_open_model(tl_command_call *call, const char *given, const char *precision, tl_model_bundle *out,
                           tl_error *err) TL_MUST_USE;
/* Of commands that embed. */
#define TL_PRECISION_OPTION(place)                                                                  \
    {                                                                                               \
        .name = "precision", .type = TL_OPTION_TEXT, .value = "P",                                  \
        .help = "f32 (default), bf16 or int8: faster, with slightly other vectors", .offset = place \
    }
/* Of the commands that make a dataset. */
#define TL_HOLD_OUT_OPTION(place)                                                                                        \
    {                                                                                                                    \
        .name = "hold-out", .type = TL_OPTION_NUMBER, .value = "SHARE",                                                  \
        .help = "mark this share as split held-out, by a hash of the key", .offset = place, .minimum = 0, .maximum = 0.9 \
    }
/* Of every command that computes; main.c finds it by its name. Results are the same bits for any number. */
#define TL_THREADS_OPTION(place)                                                                                               \
    {                                                                                                                          \
        .name = "threads", .type = TL_OPTION_INTEGER, .value = "N",                                                            \
        .help = "threads to compute with; 0 (default): TWINLENS_THREADS, else one a processor", .offset = place, .minimum = 0, \
        .maximum = TL_RUNTIME_MOST_THREADS                                                                                     \
    }
void tl_command_print_help(const tl_command *command);

/* Tables and JSON go to stdout through these, so that a full disk or a closed pipe behind it is an error and not silence. */
bool tl_output_flush(tl_error *err) TL_MUST_USE;
/* Prints text that came from outside: control characters (ESC sequences, tabs, line breaks) become spaces. */
void tl_output_text(FILE *out, const char *text);
/* Sets a member to text that need not be UTF-8 (a path): bytes that are none become U+FFFD. NULL: no member. */
bool tl_json_set_path(tl_json *object, const char *name, const char *text, tl_error *err) TL_MUST_USE;
/* One JSON value as one line; takes it over. Fails when it is not whole: whoever failed to make it has written err. */
bool tl_output_json(bool is_whole, tl_json *json, tl_error *err) TL_MUST_USE;

/* Says on stderr what was skipped and why, and turns the exit code into "done with skipped items" when there was any. */
void tl_command_report_skipped(tl_command_call *call, const tl_reasons *skipped);
/* {"reason": count, ...} */
tl_json *tl_reasons_to_json(const tl_reasons *skipped, tl_error *err) TL_MUST_USE;

#endif
