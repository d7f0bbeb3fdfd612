/* What of a MODEL folder training reads and writes besides weights, checkpoint and log: the vocabulary, and the configuration of
 * a run that started from somebody's model. */
#ifndef TL_CLI_APP_TRAIN_FOLDER_INTERNAL_H
#define TL_CLI_APP_TRAIN_FOLDER_INTERNAL_H

#include "encoders/model_config.h"
#include "encoders/preprocess/recipe.h"

/* Refuses a folder in which a run, or a model made otherwise, would be written over; makes it. */
bool tl_train_folder_claim(const char *model_directory, tl_error *err) TL_MUST_USE;
/* Copies one file of at most 256 MiB. */
bool tl_train_folder_copy_file(const char *from, const char *to, tl_error *err) TL_MUST_USE;
/* The same of any size, by way of a mapping: of a file that is only ever replaced as a whole. */
bool tl_train_folder_copy_weights(const char *from, const char *to, tl_error *err) TL_MUST_USE;
/* Copies the vocabulary of a model folder: tokenizer.model and tokenizer/ of one of ours, else its files to tokenizer/. */
bool tl_train_folder_copy_tokenizer(const char *from, const char *to, tl_error *err) TL_MUST_USE;
/* Copies the files of a model's vocabulary, wherever they lie in its folder, to where a framework looks: the folder itself. */
bool tl_train_folder_copy_vocabulary(const char *from, const char *to, tl_error *err) TL_MUST_USE;
/* config.json and preprocessor_config.json, as every model of ours has them. */
bool tl_train_folder_write_config(const char *model_directory, const tl_model_config *config, const tl_image_recipe *recipe,
                                  tl_error *err) TL_MUST_USE;
bool tl_train_folder_read_config(const char *model_directory, tl_model_config *config, tl_image_recipe *recipe,
                                 tl_error *err) TL_MUST_USE;

#endif
