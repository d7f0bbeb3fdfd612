/* The table of timm's models: every row is a tower that we can make, and is found by its name. */
#include "encoders/families/timm_models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void every_row_is_a_sound_tower(void **state)
{
    (void)state;
    const tl_timm_model *model;
    size_t count = 0;
    for (; (model = tl_timm_model_at(count)) != NULL; count++) {
        tl_error err;
        tl_model_config config = {.embedding_dim = model->vision.width, /* so that a missing projection is right */
                                  .vision = model->vision,
                                  .text = {.context_length = 77,
                                           .vocabulary_size = 49408,
                                           .width = 512,
                                           .layers = 12,
                                           .heads = 8,
                                           .mlp_width = 2048,
                                           .pooling = TL_POOL_ARGMAX,
                                           .layer_norm_epsilon = 1e-5F}};
        if (!tl_model_config_check(&config, &err))
            fail_msg("%s: %s", model->name, err.message);
        assert_ptr_equal(tl_timm_model_find(model->name), model);
    }
    assert_true(count >= 27);
    assert_null(tl_timm_model_at(SIZE_MAX));
}

static void other_names_are_not_found(void **state)
{
    (void)state;
    static const char *const names[] = {"", "vit_pe_core_base_patch16_22", "vit_pe_core_base_patch16_2244",
                                        "VIT_PE_CORE_BASE_PATCH16_224"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_null(tl_timm_model_find(names[i]));
}

static void perception_encoders_turn_their_rows(void **state)
{
    (void)state;
    const tl_timm_model *gigantic = tl_timm_model_find("vit_pe_core_gigantic_patch14_448");
    const tl_timm_model *tiny = tl_timm_model_find("vit_pe_core_tiny_patch16_384");
    const tl_timm_model *siglip = tl_timm_model_find("vit_base_patch16_siglip_224");
    assert_true(gigantic != NULL && tiny != NULL && siglip != NULL);
    assert_true(gigantic->vision.without_class_token && gigantic->vision.rotary.offset == 0.0F);
    assert_true(!tiny->vision.without_class_token && tiny->vision.rotary.offset == 1.0F && tiny->vision.rotary.columns_first);
    assert_int_not_equal(gigantic->vision.pool_mlp_width, gigantic->vision.mlp_width);
    assert_false(siglip->vision.rotary.is_used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_a_sound_tower),
        cmocka_unit_test(other_names_are_not_found),
        cmocka_unit_test(perception_encoders_turn_their_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
