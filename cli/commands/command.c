/* What every command shares: its help text, a misuse error, the check that output arrived. */
#include "cli/commands/command.h"

#include "base/core/utf8.h"
#include "cli/app/classifier.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

bool tl_command_misuse(tl_command_call *call, tl_error *err, const char *format, ...)
{
    char message[TL_ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    call->exit = TL_EXIT_USAGE;
    return tl_fail(err, TL_ERROR_INVALID, "%s", message);
}

bool tl_command_check_templates(tl_command_call *call, const tl_text_list *templates, tl_error *err)
{
    for (size_t i = 0; i < templates->count; i++)
        if (!tl_template_is_valid(templates->items[i]))
            return tl_command_misuse(call, err, "template '%s': expected {} where the label goes", templates->items[i]);
    return true;
}

void tl_command_warn_of_model(const tl_model_bundle *bundle)
{
    if (bundle->info->warning[0] != '\0')
        fprintf(stderr, "twinlens: warning: model %s: %s\n", bundle->name, bundle->info->warning);
}

static bool read_precision(tl_command_call *call, const char *text, tl_precision *out, tl_error *err)
{
    static const struct {
        const char *name;
        tl_precision precision;
    } choices[] = {{"f32", TL_PRECISION_F32}, {"bf16", TL_PRECISION_BF16}, {"int8", TL_PRECISION_INT8}};
    *out = TL_PRECISION_F32;
    if (text == NULL)
        return true;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
        if (strcmp(text, choices[i].name) == 0) {
            *out = choices[i].precision;
            return true;
        }
    return tl_command_misuse(call, err, "--precision: expected f32, bf16 or int8, found '%s'", text);
}

bool tl_command_open_model(tl_command_call *call, const char *given, const char *precision, tl_model_bundle *out, tl_error *err)
{
    tl_precision chosen;
    if (!read_precision(call, precision, &chosen, err) || !tl_model_bundle_open_chosen(call->runtime, given, out, err))
        return false;
    out->precision = chosen;
    tl_command_warn_of_model(out);
    return true;
}

void tl_command_print_help(const tl_command *command)
{
    printf("twinlens %s: %s\n\nusage: twinlens %s %s\n", command->name, command->summary, command->name, command->usage);
    if (command->details[0] != '\0')
        printf("\n%s\n", command->details);
    printf("\noptions:\n");
    tl_options_print(command->options, command->option_count);
    printf("\nexample:\n%s\n\nexit codes: 0 done, 1 failed, 2 wrong usage, 3 done with skipped items\n", command->example);
}

bool tl_output_flush(tl_error *err)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return tl_fail_errno(err, errno, "cannot write the output");
    return true;
}

void tl_output_text(FILE *out, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        bool is_c1 = at[0] == 0xC2 && at[1] >= 0x80 && at[1] <= 0x9F;
        if (*at < 0x20 || *at == 0x7F || is_c1) {
            fputc(' ', out);
            at += is_c1;
        } else {
            fputc(*at, out);
        }
    }
}

bool tl_json_set_path(tl_json *object, const char *name, const char *text, tl_error *err)
{
    if (text == NULL)
        return true;
    tl_string clean;
    tl_string_init(&clean, (size_t)1 << 24);
    bool ok = tl_utf8_append(&clean, tl_slice_of(text), err) && tl_json_set_text(object, name, clean.data, err);
    tl_string_clear(&clean);
    return ok;
}

bool tl_output_json(bool is_whole, tl_json *json, tl_error *err)
{
    tl_string line;
    tl_string_init(&line, (size_t)1 << 30);
    bool ok = is_whole && tl_json_write(json, TL_JSON_COMPACT, &line, err) && tl_string_append_text(&line, "\n", err);
    if (ok && fwrite(line.data, 1, line.size, stdout) != line.size)
        ok = tl_fail_errno(err, errno, "cannot write the output");
    tl_string_clear(&line);
    tl_json_free(json);
    return ok;
}

void tl_command_report_skipped(tl_command_call *call, const tl_reasons *skipped)
{
    if (skipped->total == 0)
        return;
    for (size_t i = 0; i < skipped->count; i++) {
        const tl_reason_count *item = &skipped->items[i];
        fprintf(stderr, "skipped %llu: %s", (unsigned long long)item->count, item->reason);
        if (item->example[0] != '\0') {
            fprintf(stderr, " (first: ");
            tl_output_text(stderr, item->example);
            fprintf(stderr, ")");
        }
        fprintf(stderr, "\n");
    }
    call->exit = TL_EXIT_SKIPPED;
}

tl_json *tl_reasons_to_json(const tl_reasons *skipped, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    for (size_t i = 0; json != NULL && i < skipped->count; i++) {
        if (!tl_json_set_integer(json, skipped->items[i].reason, (int64_t)skipped->items[i].count, err)) {
            tl_json_free(json);
            json = NULL;
        }
    }
    return json;
}
