/* The options of `twinlens import`: import.c runs it, import_options.c lists them, import_report.c prints --report. */
#ifndef TL_CLI_COMMANDS_IMPORT_INTERNAL_H
#define TL_CLI_COMMANDS_IMPORT_INTERNAL_H

#include "cli/app/list_import.h"
#include "cli/commands/command.h"

typedef struct tl_import_values {
    const char *output;
    const char *caption_from;
    const char *image_column, *image_folder;
    bool list_skipped, report, json, to_index;
    const char *index, *model, *precision;
    tl_list_import list; /* as the options say it; what pictures that lie here share with lists is there too */
} tl_import_values;

enum { TL_IMPORT_OPTION_COUNT = 66 };
extern const tl_option tl_import_options_table[TL_IMPORT_OPTION_COUNT];
/* The first option given that says something about a list of URLs, and nothing about pictures that lie here; NULL: none. */
const tl_option *tl_import_option_of_lists(const tl_import_values *values);

/* "DATASET: 5 samples in 1 shards ...", on stdout. */
void tl_import_print_result(const char *dataset, const tl_import_result *result);
/* Sets imported, shards and bytes. */
bool tl_import_describe_result(tl_json *json, const tl_import_result *result, tl_error *err) TL_MUST_USE;
/* Prints the report of the dataset: a table, or JSON. */
bool tl_import_print_report(const char *dataset, bool as_json, tl_error *err) TL_MUST_USE;

#endif
