/* A name is looked for where it can be: origin.json of a download, _name_or_path of a configuration, the folder's own path. */
#include "encoders/families/activation.h"

#include "base/core/memory.h"
#include "base/io/file.h"
#include "encoders/encoders.h"
#include "encoders/families/known_activations.h"
#include "encoders/families/members.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ORIGIN_FILE = 1 << 20 };

/* Without memory nothing is known about a name: that is an error, not a name that nobody knows. */
static bool is_no_memory(const tl_error *reason, tl_error *err)
{
    return reason->kind == TL_ERROR_NO_MEMORY && !tl_fail_as(err, reason);
}

static bool find_by_origin(const char *directory, bool *found, const char **known, tl_activation *out, tl_error *err)
{
    tl_json *origin = NULL;
    tl_error reason;
    char *path = tl_path_join(directory, "origin.json", err);
    if (path == NULL)
        return false;
    bool is_read = tl_json_read_file(path, MAX_ORIGIN_FILE, &origin, &reason);
    *found = is_read && tl_known_activation_find(tl_json_text_or(origin, "repository", ""), known, out);
    tl_json_free(origin);
    tl_memory_free(path);
    return is_read || !is_no_memory(&reason, err);
}

static bool find_by_path(const char *directory, bool *found, const char **known, tl_activation *out, tl_error *err)
{
    tl_error reason;
    char *path = tl_path_resolve(directory, &reason);
    *found = path != NULL && tl_known_activation_find(path, known, out);
    bool ok = path != NULL || !is_no_memory(&reason, err);
    tl_memory_free(path);
    return ok;
}

/* True when that changed something. */
static bool set_activation(const tl_family *family, const tl_json *family_config, tl_activation activation,
                           tl_model_config *config)
{
    const tl_model_config before = *config;
    if (family->has_trunk_activation == NULL || !family->has_trunk_activation(family_config))
        config->vision.activation = activation;
    config->text.activation = activation;
    return config->vision.activation != before.vision.activation || config->text.activation != before.text.activation;
}

bool tl_activation_settle(const char *directory, const tl_family *family, const tl_json *family_config, const tl_json *choices,
                          tl_model_config *config, bool *is_by_name, char warning[TL_MODEL_WARNING_SIZE], tl_error *err)
{
    const char *known = NULL, *chosen = NULL;
    const tl_activation stated = config->text.activation;
    tl_activation activation;
    warning[0] = '\0';
    *is_by_name = false;
    bool found = false;
    if (family->states_activation == NULL) /* no two models of this family differ in it */
        return true;
    if (choices != NULL && !(tl_json_is_object(choices) ? tl_member_text(choices, "activation", NULL, &chosen, err)
                                                        : tl_fail(err, TL_ERROR_CORRUPT, "expected an object")))
        return tl_fail_within(err, "'%s/%s'", directory, TL_MODEL_CHOICES_FILE);
    if (chosen != NULL) {
        if (!tl_activation_of_name(chosen, &activation))
            return tl_fail(err, TL_ERROR_CORRUPT, "'%s/%s': 'activation': expected gelu, quick_gelu or gelu_tanh, found '%.40s'",
                           directory, TL_MODEL_CHOICES_FILE, chosen);
        (void)set_activation(family, family_config, activation, config);
        return true;
    }
    if (!find_by_origin(directory, &found, &known, &activation, err))
        return false;
    found = found || tl_known_activation_find(tl_json_text_or(family_config, "_name_or_path", ""), &known, &activation);
    if (!found && !find_by_path(directory, &found, &known, &activation, err))
        return false;
    if (found) {
        if (activation != stated)
            snprintf(warning, TL_MODEL_WARNING_SIZE,
                     "%s was trained with %s, though its configuration says %s: %s is used (--activation on 'model use' decides "
                     "otherwise)",
                     known, tl_activation_name(activation), tl_activation_name(stated), tl_activation_name(activation));
        *is_by_name = set_activation(family, family_config, activation, config);
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
    if (path != NULL && is_automatic) { /* no file, and the model has the fingerprint from before any choice */
        ok = unlink(path) == 0 || errno == ENOENT || tl_fail_errno(err, errno, "cannot remove '%s'", path);
        goto done;
    }
    json = path != NULL ? tl_json_object_create(err) : NULL;
    ok = json != NULL && tl_json_set_text(json, "activation", name, err) && tl_json_write_file(json, path, err);
done:
    tl_json_free(json);
    tl_memory_free(path);
    return ok;
}
