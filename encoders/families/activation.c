/* A name is looked for where it can be: origin.json of a download, _name_or_path of a configuration, the folder's own path. */
#include "encoders/families/activation.h"

#include "base/core/memory.h"
#include "base/io/file.h"
#include "encoders/encoders.h"
#include "encoders/families/known_activations.h"

#include <stdio.h>
#include <string.h>

enum { MAX_ORIGIN_FILE = 1 << 20 };

static bool find_by_origin(const char *directory, const char **known, tl_activation *out)
{
    tl_json *origin = NULL;
    char *path = tl_path_join(directory, "origin.json", NULL);
    bool found = path != NULL && tl_json_read_file(path, MAX_ORIGIN_FILE, &origin, NULL) &&
                 tl_known_activation_find(tl_json_text_or(origin, "repository", ""), known, out);
    tl_json_free(origin);
    tl_memory_free(path);
    return found;
}

static bool find_by_path(const char *directory, const char **known, tl_activation *out)
{
    char *path = tl_path_resolve(directory, NULL);
    bool found = path != NULL && tl_known_activation_find(path, known, out);
    tl_memory_free(path);
    return found;
}

static void set_both(tl_model_config *config, tl_activation activation)
{
    config->vision.activation = config->text.activation = activation;
}

bool tl_activation_settle(const char *directory, const tl_family *family, const tl_json *family_config, const tl_json *choices,
                          tl_model_config *config, char warning[TL_MODEL_WARNING_SIZE], tl_error *err)
{
    const char *known = NULL, *chosen = tl_json_text_or(choices, "activation", NULL);
    const tl_activation stated = config->text.activation;
    tl_activation activation;
    warning[0] = '\0';
    if (family->states_activation == NULL) /* no two models of this family differ in it */
        return true;
    if (chosen != NULL) {
        if (!tl_activation_of_name(chosen, &activation))
            return tl_fail(err, TL_ERROR_CORRUPT, "'%s/%s': 'activation': expected gelu, quick_gelu or gelu_tanh, found '%.40s'",
                           directory, TL_MODEL_CHOICES_FILE, chosen);
        set_both(config, activation);
        return true;
    }
    if (find_by_origin(directory, &known, &activation) ||
        tl_known_activation_find(tl_json_text_or(family_config, "_name_or_path", ""), &known, &activation) ||
        find_by_path(directory, &known, &activation)) {
        if (activation != stated)
            snprintf(warning, TL_MODEL_WARNING_SIZE,
                     "%s was trained with %s, though its configuration says %s: %s is used (--activation on 'model use' decides "
                     "otherwise)",
                     known, tl_activation_name(activation), tl_activation_name(stated), tl_activation_name(activation));
        set_both(config, activation);
    } else if (!family->states_activation(family_config)) {
        snprintf(
            warning, TL_MODEL_WARNING_SIZE,
            "the configuration says nothing of the activation and the folder's name is none we know: %s is used (--activation "
            "on 'model use' decides otherwise)",
            tl_activation_name(stated));
    }
    return true;
}

bool tl_model_choose_activation(const char *directory, const char *name, tl_error *err)
{
    bool ok = false;
    const tl_family *family;
    const char *weights;
    tl_activation activation;
    const bool is_automatic = strcmp(name, "auto") == 0;
    tl_json *json = NULL;
    char *path = NULL;
    if (!is_automatic && !tl_activation_of_name(name, &activation))
        return tl_fail(err, TL_ERROR_INVALID, "expected the activation gelu, quick_gelu, gelu_tanh or auto, found '%.40s'", name);
    if (!tl_family_find(directory, &family, &weights, err))
        return false;
    if (family->states_activation == NULL)
        return tl_fail(err, TL_ERROR_INVALID, "model '%s': its configuration says its activation, which cannot be chosen",
                       directory);
    path = tl_path_join(directory, TL_MODEL_CHOICES_FILE, err);
    json = path != NULL ? tl_json_object_create(err) : NULL;
    ok = json != NULL && (is_automatic || tl_json_set_text(json, "activation", name, err)) && tl_json_write_file(json, path, err);
    tl_json_free(json);
    tl_memory_free(path);
    return ok;
}
