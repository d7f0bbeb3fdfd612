/*
 * model_mutants FIXTURES SCRATCH: shows that the parity tests can fail. Each mutant is a copy of a committed model with one thing
 * wrong (the classic silent errors: the other GELU, another epsilon, the pooling of another row, a mask too many or too few,
 * another resize, q and k exchanged); the comparison must notice, and must name the stage where it begins.
 */
#include "parity.h"

#include "base/core/string.h"
#include "base/io/file.h"

#include <stdio.h>
#include <string.h>

enum { MAX_PATH_BYTES = 4096, MAX_FILE_BYTES = 1 << 24, HEADER_LENGTH_BYTES = 8 };

typedef struct wrong_model {
    const char *what;
    const char *model;
    const char *file;
    const char *from;
    const char *to;
    bool is_swap; /* both ways, in the header of a safetensors file; of one length */
    const char *stage;
} wrong_model;

static const char oc_config[] = "open_clip_config.json";
static const char hf_config[] = "config.json";
static const char hf_recipe[] = "preprocessor_config.json";
static const char hf_weights[] = "model.safetensors";

static const wrong_model mutants[] = {
    {"quick_gelu for gelu, native", "tl_vit", hf_config, "\"gelu\"", "\"quick_gelu\"", false, "visual.block.0"},
    {"gelu for quick_gelu, native", "tl_vit_quickgelu", hf_config, "\"quick_gelu\"", "\"gelu\"", false, "visual.block.0"},
    {"no causal mask, native", "tl_vit", hf_config, "\"vocab_size\"", "\"no_causal_mask\": true, \"vocab_size\"", false,
     "text.block.0"},
    {"average pooling, native", "tl_vit", hf_config, "\"patch_size\"", "\"pool_type\": \"avg\", \"patch_size\"", false,
     "visual.pooled"},
    {"epsilon, native", "tl_vit", hf_config, "\"embed_dim\"", "\"layer_norm_epsilon\": 1e-6, \"embed_dim\"", false,
     "visual.embedding"},
    {"squash for shortest, native", "tl_vit", hf_recipe, "\"shortest\"", "\"squash\"", false, "picture"},
    {"quick_gelu for gelu, open_clip", "oc_vit", oc_config, "\"embed_dim\"", "\"quick_gelu\": true, \"embed_dim\"", false,
     "visual.block.0"},
    {"gelu for quick_gelu, open_clip", "oc_vit_quickgelu", oc_config, "\"quick_gelu\": true", "\"quick_gelu\": false", false,
     "visual.block.0"},
    {"quick_gelu for gelu, transformers", "hf_vit", hf_config, "\"gelu\"", "\"quick_gelu\"", false, "visual.block.0"},
    {"gelu for gelu_tanh, transformers", "hf_siglip", hf_config, "\"gelu_pytorch_tanh\"", "\"gelu\"", false, "visual.block.0"},
    {"gelu for gelu_tanh in texts, open_clip", "oc_siglip2", oc_config, "\"approximate\": \"tanh\"", "\"approximate\": \"none\"",
     false, "text.block.0"},
    {"gelu for gelu_tanh by trunk, open_clip", "oc_siglip2_tanh", oc_config, "vit_base_patch32_siglip_256",
     "vit_base_patch16_siglip_224", false, "visual.block.0"},
    {"epsilon, transformers", "hf_vit", hf_config, "\"layer_norm_eps\": 1e-05", "\"layer_norm_eps\": 1e-06", false,
     "visual.embedding"},
    {"epsilon, transformers' SigLIP", "hf_siglip", hf_config, "\"layer_norm_eps\": 1e-06", "\"layer_norm_eps\": 1e-05", false,
     "visual.block.0"},
    {"epsilon of texts, open_clip", "oc_siglip", oc_config, "\"eps\": 1e-06", "\"eps\": 1e-05", false, "text.block.0"},
    {"average pooling, open_clip", "oc_vit", oc_config, "\"patch_size\"", "\"pool_type\": \"avg\", \"patch_size\"", false,
     "visual.pooled"},
    {"the norm before pooling", "oc_clipa", oc_config, "\"final_ln_after_pool\": true", "\"final_ln_after_pool\": false", false,
     "visual.pooled"},
    {"largest id for last token", "oc_clipa", oc_config, "\"pool_type\": \"last\"", "\"pool_type\": \"argmax\"", false,
     "text.block.1"},
    {"no causal mask, open_clip", "oc_vit", oc_config, "\"vocab_size\"", "\"no_causal_mask\": true, \"vocab_size\"", false,
     "text.block.0"},
    {"a causal mask", "oc_mobileclip2_l", oc_config, "\"no_causal_mask\": true", "\"no_causal_mask\": false", false,
     "text.block.0"},
    {"squash for shortest, open_clip", "oc_vit", oc_config, "\"shortest\"", "\"squash\"", false, "picture"},
    {"shortest for squash, open_clip", "oc_siglip", oc_config, "\"squash\"", "\"shortest\"", false, "picture"},
    {"bilinear for bicubic, open_clip", "oc_vit", oc_config, "\"bicubic\"", "\"bilinear\"", false, "picture"},
    {"mean, transformers", "hf_vit", hf_recipe, "0.48145466", "0.5", false, "picture"},
    {"q and k exchanged", "hf_siglip", hf_weights, ".q_proj.", ".k_proj.", true, "visual.block.0"},
    {"k and v exchanged", "hf_vit", hf_weights, ".k_proj.", ".v_proj.", true, "visual.block.0"},
    {"the two norms of a block exchanged", "hf_vit", hf_weights, ".layer_norm1.", ".layer_norm2.", true, "visual.block.0"},
};

static bool join(char *path, const char *folder, const char *name)
{
    int length = snprintf(path, MAX_PATH_BYTES, "%s/%s", folder, name);
    return length > 0 && length < MAX_PATH_BYTES;
}

/* `bytes` with every `from` as `to`; counts them. */
static bool substitute(const wrong_model *mutant, tl_slice bytes, tl_string *out, size_t *count, tl_error *err)
{
    size_t from_size = strlen(mutant->from);
    size_t to_size = strlen(mutant->to);
    size_t end = bytes.size;
    if (mutant->is_swap && bytes.size > HEADER_LENGTH_BYTES) {
        uint64_t header = 0;
        for (size_t i = HEADER_LENGTH_BYTES; i-- > 0;)
            header = header << 8 | (uint8_t)bytes.data[i];
        end = header < bytes.size - HEADER_LENGTH_BYTES ? (size_t)header + HEADER_LENGTH_BYTES : bytes.size;
    }
    *count = 0;
    for (size_t i = 0; i < bytes.size;) {
        const char *at = bytes.data + i;
        const char *written = NULL;
        size_t size = 0;
        if (i + from_size <= end && memcmp(at, mutant->from, from_size) == 0) {
            written = mutant->to;
            size = from_size;
        } else if (mutant->is_swap && i + to_size <= end && memcmp(at, mutant->to, to_size) == 0) {
            written = mutant->from;
            size = to_size;
        }
        bool ok = written != NULL ? tl_string_append_text(out, written, err) : tl_string_append(out, at, 1, err);
        if (!ok)
            return false;
        *count += written != NULL;
        i += written != NULL ? size : 1;
    }
    return true;
}

static bool write_mutant(const wrong_model *mutant, const char *fixtures, const char *folder, tl_error *err)
{
    static const char *const files[] = {"open_clip_config.json", "open_clip_model.safetensors", "config.json",
                                        "model.safetensors", "preprocessor_config.json"};
    char source[MAX_PATH_BYTES];
    char path[MAX_PATH_BYTES];
    size_t count = 0;
    if (!tl_directory_remove(folder, err) || !tl_directory_create(folder, err) || !join(source, fixtures, mutant->model))
        return false;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        tl_string bytes;
        tl_string changed;
        tl_file_status status;
        if (!join(path, source, files[i]) || !tl_file_status_read(path, &status, err))
            return false;
        if (status.kind == TL_FILE_MISSING)
            continue;
        bool is_changed = strcmp(files[i], mutant->file) == 0;
        tl_string_init(&bytes, MAX_FILE_BYTES);
        tl_string_init(&changed, MAX_FILE_BYTES);
        bool ok = tl_file_read(path, &bytes, err) &&
                  (!is_changed || substitute(mutant, tl_string_slice(&bytes), &changed, &count, err)) &&
                  join(path, folder, files[i]) && tl_file_replace(path, tl_string_slice(is_changed ? &changed : &bytes), err);
        tl_string_clear(&bytes);
        tl_string_clear(&changed);
        if (!ok)
            return false;
    }
    return count > 0 || tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected '%s', found none", mutant->file, mutant->from);
}

static bool is_noticed(const wrong_model *mutant, const char *fixtures, const char *scratch)
{
    tl_error err = {0};
    parity_result result;
    char folder[MAX_PATH_BYTES];
    char golden[MAX_PATH_BYTES];
    char name[128];
    snprintf(name, sizeof name, "%s.golden", mutant->model);
    if (!join(folder, scratch, "mutant") || !join(golden, fixtures, name) || !write_mutant(mutant, fixtures, folder, &err) ||
        !parity_check(folder, golden, NULL, &result, &err)) {
        printf("NOT TRIED %-44s %s\n", mutant->what, err.message);
        return false;
    }
    bool ok = !result.passed && strcmp(result.first_drift, mutant->stage) == 0;
    printf("%-9s %-44s first drift %-18s worst stage %.1e, cosine %.6f %.6f\n", ok ? "noticed" : "MISSED", mutant->what,
           result.passed ? "none" : result.first_drift, result.worst_stage, result.image_cosine, result.text_cosine);
    if (!ok)
        printf("          expected first drift %s\n", mutant->stage);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: model_mutants FIXTURES SCRATCH\n");
        return 2;
    }
    size_t missed = 0;
    for (size_t i = 0; i < sizeof mutants / sizeof *mutants; i++)
        missed += !is_noticed(&mutants[i], argv[1], argv[2]);
    printf("%zu mutants, %zu not noticed\n", sizeof mutants / sizeof *mutants, missed);
    return missed == 0 ? 0 : 1;
}
