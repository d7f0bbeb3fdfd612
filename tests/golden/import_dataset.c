/*
 * import_dataset DATASET SHARD-SIZE HOLD-OUT SOURCE...: imports like the command does and prints one JSON object for each sample
 * that the dataset then holds, so that check_import.py can compare what other readers find in it.
 */
#include "crawler-import/import.h"

#include "base/core/hash.h"

#include <stdio.h>
#include <stdlib.h>

static bool print_sample(const tl_sample *sample, tl_error *err)
{
    char hash[TL_HASH_TEXT_SIZE];
    tl_string text;
    tl_string_init(&text, (size_t)1 << 28);
    tl_hash_text(sample->image.data, sample->image.size, hash);
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_text(json, "key", sample->key, err) && tl_json_set_text(json, "hash", hash, err) &&
              tl_json_set_integer(json, "size", (int64_t)sample->image.size, err) &&
              tl_json_set_integer(json, "label", sample->label, err) &&
              tl_json_set_text(json, "caption", sample->caption_count != 0 ? sample->captions[0].data : "", err) &&
              tl_json_set_text(json, "split", sample->split != NULL ? sample->split : "", err) &&
              tl_json_write(json, TL_JSON_COMPACT, &text, err);
    if (ok)
        puts(text.data);
    tl_json_free(json);
    tl_string_clear(&text);
    return ok;
}

int main(int argument_count, char **arguments)
{
    tl_error error = {0};
    tl_error *err = &error;
    tl_source *source = NULL;
    tl_import_report report;
    if (argument_count < 5)
        return 2;
    tl_import_options options = {.decode_pictures = true,
                                 .samples_per_shard = strtoull(arguments[2], NULL, 10),
                                 .hold_out = strtod(arguments[3], NULL),
                                 .source = {.caption_from = TL_CAPTION_NONE}};
    bool ok =
        tl_import_run((const char *const *)arguments + 4, (size_t)argument_count - 4, arguments[1], &options, &report, err) &&
        tl_source_open(arguments[1], &(tl_source_options){.caption_from = TL_CAPTION_NONE}, &source, err);
    while (ok) {
        tl_sample sample;
        bool done;
        ok = tl_source_next(source, &sample, &done, err);
        if (!ok || done)
            break;
        ok = sample.skip_reason == NULL ? print_sample(&sample, err)
                                        : tl_fail(err, TL_ERROR_CORRUPT, "%s: %s", sample.origin, sample.skip_reason);
    }
    tl_source_close(source);
    if (!ok)
        fprintf(stderr, "%s\n", error.message);
    return ok ? 0 : 1;
}
