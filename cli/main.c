/* The program: finds the command, parses its options, opens the runtime, runs it, prints the error, sets the exit code. */
#include "base/core/version.h"
#include "cli/commands/command.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void print_commands(FILE *out)
{
    fprintf(out, "twinlens: find pictures by describing them\n\nusage: twinlens COMMAND [options]\n\n");
    for (size_t i = 0; i < tl_command_count; i++)
        fprintf(out, "  %-10s %s\n", tl_commands[i]->name, tl_commands[i]->summary);
    fprintf(out, "\n'twinlens COMMAND -h' explains one, with an example.\n");
}

static const tl_command *find_command(const char *name)
{
    for (size_t i = 0; i < tl_command_count; i++)
        if (strcmp(tl_commands[i]->name, name) == 0)
            return tl_commands[i];
    return NULL;
}

static int report(const tl_command *command, const tl_error *err, int exit_code)
{
    fflush(stdout);
    fprintf(stderr, "twinlens %s: %s\n", command->name, err->message);
    if (exit_code == TL_EXIT_USAGE)
        fprintf(stderr, "see 'twinlens %s -h'\n", command->name);
    return exit_code;
}

/* 0 where the command has no option --threads, or it was not given. */
static size_t threads_given(const tl_command *command, const unsigned char *values)
{
    const tl_option *option = tl_options_find(command->options, command->option_count, "threads");
    int64_t threads = 0;
    if (option != NULL)
        memcpy(&threads, values + option->offset, sizeof threads);
    return (size_t)threads;
}

static int run_command(const tl_command *command, char **arguments, size_t count)
{
    _Alignas(max_align_t) unsigned char values[TL_COMMAND_OPTIONS_MAX] = {0};
    TL_ASSERT(command->options_size <= sizeof values);
    tl_error err = {TL_ERROR_NONE, ""};
    tl_text_list rest = {0};
    tl_runtime *runtime = NULL;
    bool wants_help = false;
    int exit_code = TL_EXIT_USAGE;
    if (!tl_options_parse(command->options, command->option_count, arguments, count, values, &rest, &wants_help, &err)) {
        report(command, &err, exit_code);
        goto done;
    }
    if (wants_help) {
        tl_command_print_help(command);
        exit_code = tl_output_flush(&err) ? TL_EXIT_DONE : report(command, &err, TL_EXIT_FAILED);
        goto done;
    }
    if (rest.count < command->minimum_arguments || rest.count > command->maximum_arguments) {
        if (rest.count < command->minimum_arguments)
            tl_fail(&err, TL_ERROR_INVALID, "expected %s, found %zu arguments", command->usage, rest.count);
        else
            tl_fail(&err, TL_ERROR_INVALID, "expected %s, found '%s' too", command->usage,
                    rest.items[command->maximum_arguments]);
        report(command, &err, exit_code);
        goto done;
    }
    if (!tl_runtime_open(&runtime, &err)) {
        exit_code = report(command, &err, TL_EXIT_FAILED);
        goto done;
    }
    tl_runtime_set_threads(runtime, threads_given(command, values));
    tl_command_call call = {.runtime = runtime, .options = values, .arguments = &rest, .exit = TL_EXIT_DONE};
    if (command->run(&call, &err) && tl_output_flush(&err))
        exit_code = (int)call.exit;
    else if (call.is_silent)
        exit_code = TL_EXIT_FAILED;
    else
        exit_code = report(command, &err, call.exit == TL_EXIT_USAGE ? TL_EXIT_USAGE : TL_EXIT_FAILED);
done:
    tl_runtime_close(runtime);
    tl_options_clear(command->options, command->option_count, values, &rest);
    return exit_code;
}

int main(int argument_count, char **arguments)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    /* A write past a file size limit must come back as an error that names the file. */
    signal(SIGXFSZ, SIG_IGN);
    if (argument_count < 2) {
        print_commands(stderr);
        return TL_EXIT_USAGE;
    }
    const char *name = arguments[1];
    bool asks_help = strcmp(name, "help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0;
    if (asks_help && argument_count == 2) {
        print_commands(stdout);
        return TL_EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        printf("twinlens %s\n", TL_VERSION);
        return TL_EXIT_DONE;
    }
    const tl_command *command = find_command(asks_help ? arguments[2] : name);
    if (command == NULL) {
        fprintf(stderr, "twinlens: unknown command '%s'\nsee 'twinlens help'\n", asks_help ? arguments[2] : name);
        return TL_EXIT_USAGE;
    }
    if (asks_help) {
        tl_command_print_help(command);
        return TL_EXIT_DONE;
    }
    return run_command(command, arguments + 2, (size_t)argument_count - 2);
}
