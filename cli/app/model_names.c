/*
 * Repositories as in open_clip 3.3's pretrained.py (hf_hub). OpenAI's own (openai/clip-vit-base-patch32, ...) can be pulled by
 * ORG/REPO, but not all of them hold safetensors; timm's copies of the same weights do.
 */
#include "cli/app/model_names.h"

#include <stdio.h>
#include <string.h>

const tl_known_model tl_known_models[] = {
    {"clip-vit-b-32", "timm/vit_base_patch32_clip_224.openai", "OpenAI CLIP ViT-B/32: small and fast"},
    {"clip-vit-b-16", "timm/vit_base_patch16_clip_224.openai", "OpenAI CLIP ViT-B/16"},
    {"clip-vit-l-14", "timm/vit_large_patch14_clip_224.openai", "OpenAI CLIP ViT-L/14"},
    {"clip-vit-l-14-336", "timm/vit_large_patch14_clip_336.openai", "OpenAI CLIP ViT-L/14 at 336 pixels"},
    {"clip-rn50", "timm/resnet50_clip.openai", "OpenAI CLIP ResNet-50"},
    {"clip-rn101", "timm/resnet101_clip.openai", "OpenAI CLIP ResNet-101"},
    {"clip-rn50x4", "timm/resnet50x4_clip.openai", "OpenAI CLIP ResNet-50x4"},
    {"siglip2-b-16-256", "timm/ViT-B-16-SigLIP2-256", "SigLIP 2 ViT-B/16 at 256 pixels: many languages"},
    {"siglip2-b-16", "timm/ViT-B-16-SigLIP2", "SigLIP 2 ViT-B/16 at 224 pixels"},
    {"siglip2-b-16-384", "timm/ViT-B-16-SigLIP2-384", "SigLIP 2 ViT-B/16 at 384 pixels"},
    {"siglip2-b-16-512", "timm/ViT-B-16-SigLIP2-512", "SigLIP 2 ViT-B/16 at 512 pixels"},
    {"siglip2-b-32-256", "timm/ViT-B-32-SigLIP2-256", "SigLIP 2 ViT-B/32 at 256 pixels: fast"},
    {"siglip2-l-16-256", "timm/ViT-L-16-SigLIP2-256", "SigLIP 2 ViT-L/16 at 256 pixels"},
    {"siglip2-l-16-384", "timm/ViT-L-16-SigLIP2-384", "SigLIP 2 ViT-L/16 at 384 pixels"},
    {"siglip2-so400m-14-378", "timm/ViT-SO400M-14-SigLIP2-378", "SigLIP 2 SO400M/14 at 378 pixels"},
    {"siglip2-so400m-16-256", "timm/ViT-SO400M-16-SigLIP2-256", "SigLIP 2 SO400M/16 at 256 pixels"},
    {"siglip-b-16", "timm/ViT-B-16-SigLIP", "SigLIP ViT-B/16 at 224 pixels"},
    {"siglip-b-16-256", "timm/ViT-B-16-SigLIP-256", "SigLIP ViT-B/16 at 256 pixels"},
    {"siglip-b-16-384", "timm/ViT-B-16-SigLIP-384", "SigLIP ViT-B/16 at 384 pixels"},
    {"siglip-l-16-256", "timm/ViT-L-16-SigLIP-256", "SigLIP ViT-L/16 at 256 pixels"},
    {"siglip-so400m-14-384", "timm/ViT-SO400M-14-SigLIP-384", "SigLIP SO400M/14 at 384 pixels"},
    {"laion-vit-b-32", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "LAION-2B ViT-B/32"},
    {"laion-vit-b-16", "laion/CLIP-ViT-B-16-laion2B-s34B-b88K", "LAION-2B ViT-B/16"},
    {"laion-vit-l-14", "laion/CLIP-ViT-L-14-laion2B-s32B-b82K", "LAION-2B ViT-L/14"},
    {"laion-vit-h-14", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K", "LAION-2B ViT-H/14"},
    {"datacomp-vit-b-32", "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", "DataComp XL ViT-B/32"},
    {"datacomp-vit-b-32-256", "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K", "DataComp ViT-B/32 at 256 pixels"},
    {"datacomp-vit-b-16", "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K", "DataComp XL ViT-B/16"},
    {"datacomp-vit-l-14", "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", "DataComp XL ViT-L/14"},
    {"dfn-vit-b-16", "apple/DFN2B-CLIP-ViT-B-16", "DFN-2B ViT-B/16"},
    {"dfn-vit-l-14", "apple/DFN2B-CLIP-ViT-L-14", "DFN-2B ViT-L/14"},
    {"metaclip-vit-b-32", "timm/vit_base_patch32_clip_224.metaclip_2pt5b", "MetaCLIP ViT-B/32"},
    {"metaclip-vit-b-16", "timm/vit_base_patch16_clip_224.metaclip_2pt5b", "MetaCLIP ViT-B/16"},
    {"metaclip-vit-l-14", "timm/vit_large_patch14_clip_224.metaclip_2pt5b", "MetaCLIP ViT-L/14"},
    {"metaclip2-vit-h-14", "timm/vit_huge_patch14_clip_224.metaclip2_worldwide", "MetaCLIP 2 ViT-H/14: many languages"},
    {"clipa-vit-l-14", "UCSC-VLAA/ViT-L-14-CLIPA-datacomp1B", "CLIPA ViT-L/14"},
    {"clipa-vit-h-14", "UCSC-VLAA/ViT-H-14-CLIPA-datacomp1B", "CLIPA ViT-H/14"},
    {"pe-core-b-16", "timm/PE-Core-B-16", "Perception Encoder B/16"},
    {"pe-core-l-14-336", "timm/PE-Core-L-14-336", "Perception Encoder L/14 at 336 pixels"},
};
const size_t tl_known_model_count = sizeof tl_known_models / sizeof tl_known_models[0];

const tl_known_model *tl_known_model_find(const char *name)
{
    for (size_t i = 0; i < tl_known_model_count; i++)
        if (strcmp(tl_known_models[i].name, name) == 0)
            return &tl_known_models[i];
    return NULL;
}

const tl_known_model *tl_known_model_of(const char *repository)
{
    for (size_t i = 0; i < tl_known_model_count; i++)
        if (strcmp(tl_known_models[i].repository, repository) == 0)
            return &tl_known_models[i];
    return NULL;
}

static const char name_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

/* The hub's own rule for owner and repository: these characters, at most 96, no '--' or '..', no '-' or '.' at the ends. */
static bool is_part(const char *text, size_t size)
{
    if (size == 0 || size > 96 || strspn(text, name_characters) < size)
        return false;
    if (strchr("-.", text[0]) != NULL || strchr("-.", text[size - 1]) != NULL)
        return false;
    for (size_t i = 0; i + 1 < size; i++)
        if ((text[i] == '-' && text[i + 1] == '-') || (text[i] == '.' && text[i + 1] == '.'))
            return false;
    return true;
}

/* A branch, tag or commit, also "refs/pr/3". */
static bool is_revision(const char *text)
{
    size_t size = strlen(text);
    if (size == 0 || size > 200 || text[0] == '/' || text[0] == '-' || text[0] == '.' || strstr(text, "..") != NULL)
        return false;
    for (size_t i = 0; i < size; i++)
        if (text[i] != '/' && strchr(name_characters, text[i]) == NULL)
            return false;
    return true;
}

static bool read_repository(const char *text, size_t size, tl_model_reference *out)
{
    const char *slash = memchr(text, '/', size);
    size_t separator = 1;
    for (size_t i = 0; slash == NULL && i + 1 < size; i++)
        if (text[i] == '-' && text[i + 1] == '-') {
            slash = text + i;
            separator = 2;
        }
    if (slash == NULL)
        return false;
    size_t owner = (size_t)(slash - text);
    const char *name = slash + separator;
    size_t name_size = size - owner - separator;
    if (!is_part(text, owner) || !is_part(name, name_size))
        return false;
    snprintf(out->repository, sizeof out->repository, "%.*s/%.*s", (int)owner, text, (int)name_size, name);
    snprintf(out->folder, sizeof out->folder, "%.*s--%.*s", (int)owner, text, (int)name_size, name);
    return true;
}

bool tl_model_reference_read(const char *text, tl_model_reference *out, tl_error *err)
{
    *out = (tl_model_reference){0};
    const char *at = strchr(text, '@');
    size_t size = at != NULL ? (size_t)(at - text) : strlen(text);
    if (at != NULL && !is_revision(at + 1))
        return tl_fail(err, TL_ERROR_INVALID, "'%.120s': expected a branch, tag or commit after '@', found '%.80s'", text,
                       at + 1);
    snprintf(out->revision, sizeof out->revision, "%s", at != NULL ? at + 1 : "main");
    char name[TL_MODEL_NAME_SIZE];
    if (size < sizeof name) {
        snprintf(name, sizeof name, "%.*s", (int)size, text);
        out->known = tl_known_model_find(name);
    }
    if (out->known != NULL)
        return read_repository(out->known->repository, strlen(out->known->repository), out);
    return read_repository(text, size, out) ||
           tl_fail(err, TL_ERROR_INVALID, "'%.120s': expected ORG/REPO or a name that 'twinlens model list' shows, found neither",
                   text);
}

bool tl_model_file_name_is_plain(const char *name)
{
    size_t size = strlen(name);
    return size != 0 && size <= 200 && name[0] != '.' && name[0] != '-' && strspn(name, name_characters) == size;
}
