#include "cli/app/model_mix.h"

#include "cli/app/train_folder.h"

static bool write_from(const char *first, const char *second, double weight, tl_model_format format, const char *out_directory,
                       tl_error *err)
{
    tl_model *a = NULL, *b = NULL;
    bool ok = tl_model_open(first, &a, err) && (second == NULL || tl_model_open(second, &b, err)) &&
              tl_train_folder_claim(out_directory, err) && tl_train_folder_copy_tokenizer(first, out_directory, err) &&
              tl_model_write(a, b, weight, format, out_directory, err);
    tl_model_close(b);
    tl_model_close(a);
    return ok;
}

bool tl_model_mix(const char *first, const char *second, double weight, const char *out_directory, tl_error *err)
{
    return write_from(first, second, weight, TL_MODEL_TWINLENS, out_directory, err);
}

bool tl_model_convert(const char *model, tl_model_format format, const char *out_directory, tl_error *err)
{
    return write_from(model, NULL, 0.0, format, out_directory, err);
}
