/*
 * All families, in the order in which a folder is asked. A hub folder may hold several dialects of one model: the first whose
 * configuration and weights are both there is taken, and the tokenizer's door decides by the same rule.
 */
#include "encoders/families/family.h"

#include "base/core/memory.h"
#include "base/io/file.h"

enum { MAX_CONFIG_FILE = 4 << 20 };

static const tl_family *const families[] = {&tl_family_open_clip, &tl_family_twinlens, &tl_family_clip, &tl_family_metaclip_2,
                                            &tl_family_siglip};
enum { FAMILY_COUNT = sizeof families / sizeof families[0] };

static size_t length_of(const char *const *list)
{
    size_t count = 0;
    while (list[count] != NULL)
        count++;
    return count;
}

static bool check_directory(const char *directory, tl_error *err)
{
    tl_file_status status;
    if (!tl_file_status_read(directory, &status, err))
        return false;
    if (status.kind == TL_FILE_DIRECTORY)
        return true;
    return tl_fail(err, status.kind == TL_FILE_MISSING ? TL_ERROR_NOT_FOUND : TL_ERROR_INVALID,
                   "model '%s': expected a model folder, found %s", directory,
                   status.kind == TL_FILE_MISSING ? "nothing" : "a file");
}

/* False without err when the file is not there. */
static bool read_config(const char *directory, const char *name, tl_json **out, bool *is_there, tl_error *err)
{
    tl_error reason;
    *is_there = true;
    char *path = tl_path_join(directory, name, err);
    if (path == NULL)
        return false;
    bool ok = tl_json_read_file(path, MAX_CONFIG_FILE, out, &reason);
    *is_there = ok || reason.kind != TL_ERROR_NOT_FOUND;
    if (!ok && *is_there)
        tl_fail_as(err, &reason);
    tl_memory_free(path);
    return ok;
}

static bool refuse_type(const char *directory, const tl_json *config, tl_error *err)
{
    const char *type = tl_json_text_or(config, "model_type", NULL);
    return tl_fail(err, TL_ERROR_UNSUPPORTED,
                   "'%s/config.json': 'model_type': expected twinlens, clip, metaclip_2 or siglip, found %s%.40s%s", directory,
                   type != NULL ? "'" : "", type != NULL ? type : "none", type != NULL ? "'" : "");
}

bool tl_family_find(const char *directory, const tl_family **out, const char **weights, tl_error *err)
{
    const char *asked = NULL; /* one file is read once, whatever the number of families that have it */
    tl_json *json = NULL;
    tl_error reason;
    bool is_there = false, has_reason = false;
    if (!check_directory(directory, err))
        return false;
    for (size_t i = 0; i < FAMILY_COUNT; i++) {
        const tl_family *family = families[i];
        if (asked == NULL || strcmp(asked, family->config_file) != 0) {
            tl_json_free(json);
            json = NULL;
            asked = family->config_file;
            if (!read_config(directory, asked, &json, &is_there, err) && is_there)
                return false;
        }
        if (json == NULL || !family->recognises(json))
            continue;
        if (tl_weight_files_choose(directory, family->weight_files, length_of(family->weight_files), weights, &reason)) {
            *out = family;
            tl_json_free(json);
            return true;
        }
        if (reason.kind != TL_ERROR_NOT_FOUND && reason.kind != TL_ERROR_UNSUPPORTED) { /* not for want of weights */
            tl_json_free(json);
            return tl_fail_as(err, &reason);
        }
        has_reason = true;
    }
    if (has_reason)
        tl_fail_as(err, &reason);
    else if (json != NULL)
        refuse_type(directory, json, err);
    else
        tl_fail(err, TL_ERROR_NOT_FOUND, "model '%s': expected a file 'config.json' or 'open_clip_config.json', found none",
                directory);
    tl_json_free(json);
    return false;
}
