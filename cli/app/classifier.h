/* Zero-shot classes: label texts through prompt templates to one unit vector a class (the mean of the prompts' unit vectors, made
 * unit again). */
#ifndef TL_CLI_APP_CLASSIFIER_H
#define TL_CLI_APP_CLASSIFIER_H

#include "cli/app/embedder.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_labels {
    char **names; /* owned */
    size_t count, capacity;
} tl_labels;

/* "a,b,c": trimmed; an empty or a repeated label is an error. */
bool tl_labels_split(const char *list, tl_labels *out, tl_error *err) TL_MUST_USE;
/* One label a line; empty lines and a byte order mark are left out. Errors name file and line. */
bool tl_labels_read(const char *path, tl_labels *out, tl_error *err) TL_MUST_USE;
void tl_labels_clear(tl_labels *labels);

bool tl_template_is_valid(const char *text); /* holds {} */
/* A template holds {} where the label goes; none given: "a photo of a {}" and "{}". classes [count, D] is owned by the caller. */
bool tl_classifier_embed(tl_embedder *embedder, const tl_labels *labels, const char *const *templates, size_t template_count,
                         float **classes, tl_error *err) TL_MUST_USE;
/*
 * Probabilities [count] of one picture, as the model was trained: softmax over the classes of scale * cosine, or, where it has a
 * logit bias (SigLIP), for each class by itself, sigmoid of scale * cosine + bias.
 */
void tl_classifier_probabilities(const tl_model_info *model, const float *picture, const float *classes, size_t count,
                                 double *probabilities);

#ifdef __cplusplus
}
#endif

#endif
