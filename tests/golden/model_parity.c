/*
 * model_parity MODEL GOLDEN: the model in the folder MODEL against its own framework's golden values; a line for each stage and a
 * last one with the verdict. Status 0: within the limits, 1: beyond them or not to be read, 2: wrong usage.
 */
#include "parity.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    tl_error err = {0};
    parity_result result;
    if (argc != 3) {
        fprintf(stderr, "usage: model_parity MODEL GOLDEN\n");
        return 2;
    }
    const char *slash = strrchr(argv[1], '/');
    const char *name = slash == NULL ? argv[1] : slash + 1;
    if (!parity_check(argv[1], argv[2], stdout, &result, &err)) {
        fprintf(stderr, "model_parity: %s\n", err.message);
        printf("%s: not compared\n", name);
        return 1;
    }
    if (!result.passed)
        printf("first drift: %s\n", result.first_drift);
    printf("%s: %s, worst stage %.1e, cosine %.8f (image) %.8f (text), logits within %.1e, picture within %.2f levels\n", name,
           result.passed ? "agrees" : "DIFFERS", result.worst_stage, result.image_cosine, result.text_cosine, result.logits,
           result.worst_picture);
    return result.passed ? 0 : 1;
}
