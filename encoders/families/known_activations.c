/* The rows are what tests/golden/print_known_activations.py prints from open_clip's list of pretrained models. */
#include "encoders/families/known_activations.h"

#include <string.h>

static const struct known_activation {
    const char *repository;
    tl_activation activation;
} rows[] = {
    {"UCSC-VLAA/ViT-H-14-CLIPA-336-datacomp1B", TL_GELU},
    {"UCSC-VLAA/ViT-H-14-CLIPA-336-laion2B", TL_GELU},
    {"UCSC-VLAA/ViT-H-14-CLIPA-datacomp1B", TL_GELU},
    {"UCSC-VLAA/ViT-L-14-CLIPA-336-datacomp1B", TL_GELU},
    {"UCSC-VLAA/ViT-L-14-CLIPA-datacomp1B", TL_GELU},
    {"UCSC-VLAA/ViT-bigG-14-CLIPA-336-datacomp1B", TL_GELU},
    {"UCSC-VLAA/ViT-bigG-14-CLIPA-datacomp1B", TL_GELU},
    {"apple/DFN2B-CLIP-ViT-B-16", TL_QUICK_GELU},
    {"apple/DFN2B-CLIP-ViT-L-14", TL_QUICK_GELU},
    {"apple/DFN2B-CLIP-ViT-L-14-39B", TL_GELU},
    {"apple/DFN5B-CLIP-ViT-H-14", TL_QUICK_GELU},
    {"apple/DFN5B-CLIP-ViT-H-14-378", TL_QUICK_GELU},
    {"laion/CLIP-ViT-B-16-CommonPool.L-s1B-b8K", TL_GELU},
    {"laion/CLIP-ViT-B-16-CommonPool.L.basic-s1B-b8K", TL_GELU},
    {"laion/CLIP-ViT-B-16-CommonPool.L.clip-s1B-b8K", TL_GELU},
    {"laion/CLIP-ViT-B-16-CommonPool.L.image-s1B-b8K", TL_GELU},
    {"laion/CLIP-ViT-B-16-CommonPool.L.laion-s1B-b8K", TL_GELU},
    {"laion/CLIP-ViT-B-16-CommonPool.L.text-s1B-b8K", TL_GELU},
    {"laion/CLIP-ViT-B-16-DataComp.L-s1B-b8K", TL_GELU},
    {"laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K", TL_GELU},
    {"laion/CLIP-ViT-B-16-laion2B-s34B-b88K", TL_GELU},
    {"laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K", TL_GELU},
    {"laion/CLIP-ViT-B-32-CommonPool.M-s128M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-CommonPool.M.basic-s128M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-CommonPool.M.clip-s128M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-CommonPool.M.image-s128M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-CommonPool.M.laion-s128M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-CommonPool.M.text-s128M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-CommonPool.S-s13M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-CommonPool.S.basic-s13M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-CommonPool.S.clip-s13M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-CommonPool.S.image-s13M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-CommonPool.S.laion-s13M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-CommonPool.S.text-s13M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-DataComp.M-s128M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-DataComp.S-s13M-b4K", TL_GELU},
    {"laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", TL_GELU},
    {"laion/CLIP-ViT-B-32-laion2B-s34B-b79K", TL_GELU},
    {"laion/CLIP-ViT-H-14-laion2B-s32B-b79K", TL_GELU},
    {"laion/CLIP-ViT-L-14-CommonPool.XL-s13B-b90K", TL_GELU},
    {"laion/CLIP-ViT-L-14-CommonPool.XL.clip-s13B-b90K", TL_GELU},
    {"laion/CLIP-ViT-L-14-CommonPool.XL.laion-s13B-b90K", TL_GELU},
    {"laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", TL_GELU},
    {"laion/CLIP-ViT-L-14-laion2B-s32B-b82K", TL_GELU},
    {"laion/CLIP-ViT-bigG-14-laion2B-39B-b160k", TL_GELU},
    {"laion/CLIP-ViT-g-14-laion2B-s12B-b42K", TL_GELU},
    {"laion/CLIP-ViT-g-14-laion2B-s34B-b88K", TL_GELU},
    {"openai/clip-vit-base-patch16", TL_QUICK_GELU},
    {"openai/clip-vit-base-patch32", TL_QUICK_GELU},
    {"openai/clip-vit-large-patch14", TL_QUICK_GELU},
    {"openai/clip-vit-large-patch14-336", TL_QUICK_GELU},
    {"timm/resnet101_clip.openai", TL_QUICK_GELU},
    {"timm/resnet101_clip.yfcc15m", TL_QUICK_GELU},
    {"timm/resnet50_clip.cc12m", TL_QUICK_GELU},
    {"timm/resnet50_clip.openai", TL_QUICK_GELU},
    {"timm/resnet50_clip.yfcc15m", TL_QUICK_GELU},
    {"timm/resnet50x16_clip.openai", TL_QUICK_GELU},
    {"timm/resnet50x4_clip.openai", TL_QUICK_GELU},
    {"timm/resnet50x64_clip.openai", TL_QUICK_GELU},
    {"timm/vit_base_patch16_clip_224.laion400m_e31", TL_GELU},
    {"timm/vit_base_patch16_clip_224.laion400m_e32", TL_GELU},
    {"timm/vit_base_patch16_clip_224.metaclip_2pt5b", TL_QUICK_GELU},
    {"timm/vit_base_patch16_clip_224.metaclip_400m", TL_QUICK_GELU},
    {"timm/vit_base_patch16_clip_224.openai", TL_QUICK_GELU},
    {"timm/vit_base_patch16_plus_clip_240.laion400m_e31", TL_GELU},
    {"timm/vit_base_patch32_clip_224.laion2b_e16", TL_GELU},
    {"timm/vit_base_patch32_clip_224.laion400m_e31", TL_QUICK_GELU},
    {"timm/vit_base_patch32_clip_224.laion400m_e32", TL_QUICK_GELU},
    {"timm/vit_base_patch32_clip_224.metaclip_2pt5b", TL_QUICK_GELU},
    {"timm/vit_base_patch32_clip_224.metaclip_400m", TL_QUICK_GELU},
    {"timm/vit_base_patch32_clip_224.openai", TL_QUICK_GELU},
    {"timm/vit_gigantic_patch14_clip_224.metaclip2_worldwide", TL_GELU},
    {"timm/vit_gigantic_patch14_clip_224.metaclip_2pt5b", TL_QUICK_GELU},
    {"timm/vit_gigantic_patch14_clip_378.metaclip2_worldwide", TL_GELU},
    {"timm/vit_huge_patch14_clip_224.metaclip2_worldwide", TL_QUICK_GELU},
    {"timm/vit_huge_patch14_clip_224.metaclip_2pt5b", TL_QUICK_GELU},
    {"timm/vit_huge_patch14_clip_224.metaclip_altogether", TL_GELU},
    {"timm/vit_huge_patch14_clip_378.metaclip2_worldwide", TL_GELU},
    {"timm/vit_large_patch14_clip_224.laion400m_e31", TL_GELU},
    {"timm/vit_large_patch14_clip_224.laion400m_e32", TL_GELU},
    {"timm/vit_large_patch14_clip_224.metaclip_2pt5b", TL_QUICK_GELU},
    {"timm/vit_large_patch14_clip_224.metaclip_400m", TL_QUICK_GELU},
    {"timm/vit_large_patch14_clip_224.openai", TL_QUICK_GELU},
    {"timm/vit_large_patch14_clip_336.openai", TL_QUICK_GELU},
};

/* True when the part of a path is the repository, with or without its organisation. */
static bool names_repository(const char *part, size_t size, const char *repository)
{
    static const char cache_prefix[] = "models--";
    const char *slash = strchr(repository, '/');
    size_t organisation = (size_t)(slash - repository), name = strlen(slash + 1);
    if (size == name && memcmp(part, slash + 1, name) == 0)
        return true;
    if (size > sizeof cache_prefix - 1 && memcmp(part, cache_prefix, sizeof cache_prefix - 1) == 0) {
        part += sizeof cache_prefix - 1;
        size -= sizeof cache_prefix - 1;
    }
    return size == organisation + 2 + name && memcmp(part, repository, organisation) == 0 &&
           memcmp(part + organisation, "--", 2) == 0 && memcmp(part + organisation + 2, slash + 1, name) == 0;
}

bool tl_known_activation_find(const char *name, const char **known, tl_activation *out)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (const char *part = name; *part != '\0';) {
            size_t size = strcspn(part, "/");
            if (names_repository(part, size, rows[i].repository)) {
                *known = rows[i].repository;
                *out = rows[i].activation;
                return true;
            }
            part += size + (part[size] == '/');
        }
    return false;
}
