/* The commands, in the order that a newcomer meets them. */
#include "cli/commands/command.h"

extern const tl_command tl_command_import;
extern const tl_command tl_command_crawl;
extern const tl_command tl_command_train;
extern const tl_command tl_command_index;
extern const tl_command tl_command_search;
extern const tl_command tl_command_dedup;
extern const tl_command tl_command_export;
extern const tl_command tl_command_classify;
extern const tl_command tl_command_evaluate;
extern const tl_command tl_command_embed;
extern const tl_command tl_command_tokenize;
extern const tl_command tl_command_model;
extern const tl_command tl_command_bench;

const tl_command *const tl_commands[] = {
    &tl_command_import,   &tl_command_crawl,  &tl_command_train,    &tl_command_index,    &tl_command_search,
    &tl_command_dedup,    &tl_command_export, &tl_command_classify, &tl_command_evaluate, &tl_command_embed,
    &tl_command_tokenize, &tl_command_model,  &tl_command_bench,
};
const size_t tl_command_count = sizeof tl_commands / sizeof tl_commands[0];
