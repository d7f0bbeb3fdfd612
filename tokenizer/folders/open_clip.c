/*
 * Folders of the open_clip dialect: open_clip_config.json names the tokenizer; without a name it is SimpleTokenizer over CLIP's
 * vocabulary, with one it is HFTokenizer, which cleans captions and hands them to the transformers tokenizer in the same folder.
 */
#include "tokenizer/folders/folder_internal.h"

/* What open_clip_config.json says of the tokenizer. */
typedef struct open_clip_settings {
    bool is_simple; /* SimpleTokenizer, else HFTokenizer */
    tl_cleanup cleanup;
    bool strips_separator, ends_with_class;
} open_clip_settings;

static bool read_cleanup(const char *name, tl_cleanup *out, tl_error *err)
{
    static const struct {
        const char *name;
        tl_cleanup cleanup;
    } cleanups[] = {
        {"lower", TL_CLEANUP_OPEN_CLIP_LOWER},
        {"whitespace", TL_CLEANUP_OPEN_CLIP_WHITESPACE},
        {"canonicalize", TL_CLEANUP_OPEN_CLIP_CANONICALIZE},
    };
    for (size_t i = 0; i < sizeof cleanups / sizeof *cleanups; i++)
        if (strcmp(cleanups[i].name, name) == 0) {
            *out = cleanups[i].cleanup;
            return true;
        }
    return tl_fail(err, TL_ERROR_UNSUPPORTED, "clean: expected lower, whitespace or canonicalize, found '%.40s'", name);
}

typedef struct option_check {
    tl_error *err;
    bool is_simple;
} option_check;

/* Options that would change ids and are not done here are refused. */
static bool check_option(void *context, const char *name, const tl_json *value)
{
    const option_check *self = context;
    bool is_known = strcmp(name, "clean") == 0 || (!self->is_simple && strcmp(name, "strip_sep_token") == 0) ||
                    strcmp(name, "context_length") == 0;
    const char *text = tl_json_text(value);
    return is_known || (text != NULL && text[0] == '\0') ||
           tl_fail(self->err, TL_ERROR_UNSUPPORTED, "tokenizer_kwargs: expected clean or strip_sep_token, found '%.40s'", name);
}

static bool read_open_clip(const tl_json *config, open_clip_settings *out, tl_error *err)
{
    const tl_json *text = tl_json_member(tl_json_member(config, "model_cfg"), "text_cfg");
    const tl_json *options = tl_json_member(text, "tokenizer_kwargs");
    const char *mode = tl_json_text_or(text, "tokenizer_mode", "");
    if (!tl_json_is_object(text))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected model_cfg with text_cfg, found none");
    out->is_simple = tl_json_text_or(text, "hf_tokenizer_name", "")[0] == '\0';
    option_check check = {err, out->is_simple};
    if (tl_json_object_size(options) != 0 && !tl_json_each_member(options, check_option, &check))
        return false;
    if (mode[0] != '\0' && strcmp(mode, "clips") != 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "tokenizer_mode: expected 'clips' or none, found '%.40s'", mode);
    out->strips_separator = tl_json_bool_or(options, "strip_sep_token", false);
    out->ends_with_class = !out->is_simple && mode[0] != '\0';
    return read_cleanup(tl_json_text_or(options, "clean", out->is_simple ? "lower" : "whitespace"), &out->cleanup, err);
}

/* One of the two names of a mark: OpenAI's file has the first, everybody else's the second. */
static int32_t find_mark(const tl_clip *clip, const char *name, const char *other)
{
    int32_t id = tl_clip__find(clip, tl_slice_of(name));
    return id >= 0 ? id : tl_clip__find(clip, tl_slice_of(other));
}

static bool open_simple(const char *directory, const open_clip_settings *settings, size_t context_length, tl_tokenizer **out,
                        tl_error *err)
{
    tl_clip *clip = NULL;
    tl_vocabulary vocabulary = {.kind = NULL};
    tl_tokenizer_recipe recipe = tl_tokenizer_recipe__plain(context_length);
    if (!tl_folder__read_clip(directory, TL_CLIP_OPEN_CLIP, NULL, &clip, vocabulary.fingerprint, err))
        return false;
    recipe.cleanup = settings->cleanup;
    recipe.first_id = find_mark(clip, "<start_of_text>", "<|startoftext|>");
    recipe.last_id = find_mark(clip, "<end_of_text>", "<|endoftext|>");
    if (recipe.first_id < 0 || recipe.last_id < 0) {
        tl_fail(err, TL_ERROR_CORRUPT, "model '%s': expected pieces '<|startoftext|>' and '<|endoftext|>', found none",
                directory);
        goto failed;
    }
    if (!tl_clip__add_special(clip, "<start_of_text>", recipe.first_id, false, err) ||
        !tl_clip__add_special(clip, "<end_of_text>", recipe.last_id, false, err))
        goto failed;
    tl_clip__publish(clip, &vocabulary);
    vocabulary.special = (tl_special_ids){-1, -1, recipe.first_id, recipe.last_id};
    return tl_tokenizer__create(&vocabulary, &recipe, out, err);
failed:
    tl_clip__destroy(clip);
    return false;
}

static bool open_wrapped(const char *directory, const open_clip_settings *settings, size_t context_length, tl_tokenizer **out,
                         tl_error *err)
{
    bool ok = false;
    tl_published_folder folder = {.directory = directory};
    tl_tokenizer_recipe recipe = tl_tokenizer_recipe__plain(context_length);

    if (!tl_published_folder__open(&folder, &recipe, err))
        goto done;
    recipe.cleanup = settings->cleanup;
    recipe.limit = 0;
    if (settings->strips_separator)
        recipe.removed_id = folder.role_ids[TL_ROLE_SEPARATOR];
    if (settings->ends_with_class) {
        recipe.first_id = folder.role_ids[TL_ROLE_BOS];
        recipe.last_id = folder.role_ids[TL_ROLE_EOS];
        recipe.class_id = folder.role_ids[TL_ROLE_CLASS];
        recipe.pads_left = false;
        if (recipe.first_id < 0 || recipe.last_id < 0 || recipe.class_id < 0 || recipe.pad_id < 0) {
            tl_fail(err, TL_ERROR_CORRUPT, "model '%s': expected bos, eos, pad and cls tokens for the mode 'clips', found fewer",
                    directory);
            goto done;
        }
    }
    ok = tl_published_folder__finish(&folder, &recipe, out, err);
done:
    tl_published_folder__clear(&folder);
    return ok;
}

bool tl_folder__open_open_clip(const char *directory, size_t context_length, tl_tokenizer **out, tl_error *err)
{
    tl_json *config;
    open_clip_settings settings;
    bool ok = tl_folder__read_config(directory, "open_clip_config.json", &config, err);
    if (ok) {
        ok = read_open_clip(config, &settings, err);
        if (!ok)
            tl_fail_within(err, "'%s/open_clip_config.json'", directory);
    }
    tl_json_free(config);
    return ok && (settings.is_simple ? open_simple : open_wrapped)(directory, &settings, context_length, out, err);
}
