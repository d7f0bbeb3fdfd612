/* 'twinlens model list': what is installed, what a download has left, and the well-known models that are not there. */
#include "base/core/memory.h"
#include "base/io/file.h"
#include "cli/app/model_store.h"
#include "cli/app/shipped_model.h"
#include "cli/commands/model_internal.h"

#include <stdio.h>
#include <string.h>

/* The default model's folder as written by 'model use' is absolute and without links; that of the store need not be. */
static bool is_default(const tl_stored_model *model, const char *chosen)
{
    char *resolved = chosen != NULL && model->path != NULL ? tl_path_resolve(model->path, NULL) : NULL;
    bool is = resolved != NULL && strcmp(resolved, chosen) == 0;
    tl_memory_free(resolved);
    return is;
}

static const char *known_name(const char *repository)
{
    const tl_known_model *known = tl_known_model_of(repository);
    return known != NULL ? known->name : NULL;
}

static bool is_installed(const tl_stored_models *models, const char *repository)
{
    for (size_t i = 0; i < models->count; i++)
        if (models->items[i].path != NULL && strcmp(models->items[i].name, repository) == 0)
            return true;
    return false;
}

/* One line for each, installed or not. */
static bool print_json_row(const char *repository, const tl_stored_model *model, bool is_chosen, const char *summary,
                           tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    const char *name = known_name(repository);
    const char *state = model == NULL ? "available" : model->path != NULL ? "installed" : "partial";
    bool ok = json != NULL && tl_json_set_text(json, "repository", repository, err) &&
              (name == NULL || tl_json_set_text(json, "name", name, err)) && tl_json_set_text(json, "state", state, err) &&
              (summary == NULL || tl_json_set_text(json, "summary", summary, err));
    if (ok && model != NULL) {
        const tl_model_origin *origin = &model->origin;
        ok = tl_json_set_bool(json, "default", is_chosen, err) && tl_json_set_integer(json, "size", (int64_t)model->size, err) &&
             tl_json_set_path(json, "folder", model->path, err);
        if (ok && model->has_origin)
            ok = tl_json_set_text(json, "family", origin->family, err) &&
                 tl_json_set_text(json, "dialect", origin->dialect, err) &&
                 tl_json_set_text(json, "revision", origin->revision, err) &&
                 tl_json_set_integer(json, "parameters", (int64_t)origin->parameter_count, err) &&
                 (origin->license[0] == '\0' || tl_json_set_text(json, "license", origin->license, err));
    }
    return tl_output_json(ok, json, err);
}

static void print_row(const tl_stored_model *model, bool is_chosen)
{
    const tl_model_origin *origin = &model->origin;
    const char *name = known_name(model->name);
    printf("%c %s%s%s%s  %.1f MB", is_chosen ? '*' : ' ', model->name, name != NULL ? " (" : "", name != NULL ? name : "",
           name != NULL ? ")" : "", (double)model->size / 1e6);
    if (model->path == NULL) {
        printf("  partly downloaded: 'twinlens model pull %s' goes on", model->name);
    } else if (model->has_origin) {
        printf("  %s, %s, licence ", origin->family, origin->dialect);
        tl_output_text(stdout, origin->license[0] != '\0' ? origin->license : "not stated");
        printf(", revision %.12s", origin->revision);
    }
    printf("\n");
}

/* The program's own model is the default until another is chosen. */
static bool print_shipped(const char *shipped, bool is_chosen, bool as_json, tl_error *err)
{
    if (!as_json) {
        printf("%c " TL_SHIPPED_MODEL "  comes with the program\n", is_chosen ? '*' : ' ');
        return true;
    }
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_text(json, "name", TL_SHIPPED_MODEL, err) &&
              tl_json_set_text(json, "state", "shipped", err) && tl_json_set_bool(json, "default", is_chosen, err) &&
              tl_json_set_path(json, "folder", shipped, err);
    return tl_output_json(ok, json, err);
}

static bool print_all(const tl_stored_models *models, const char *shipped, const char *chosen, bool as_json, tl_error *err)
{
    bool is_chosen_shown = shipped != NULL && (chosen == NULL || strcmp(chosen, shipped) == 0);
    if (shipped != NULL && !print_shipped(shipped, is_chosen_shown, as_json, err))
        return false;
    for (size_t i = 0; i < models->count; i++) {
        bool is = is_default(&models->items[i], chosen);
        is_chosen_shown = is_chosen_shown || is;
        if (!as_json)
            print_row(&models->items[i], is);
        else if (!print_json_row(models->items[i].name, &models->items[i], is, NULL, err))
            return false;
    }
    if (!as_json && chosen != NULL && !is_chosen_shown) {
        printf("* ");
        tl_output_text(stdout, chosen);
        printf("  (a folder)\n");
    }
    if (!as_json)
        printf("%snot installed; 'twinlens model pull NAME' downloads one, or any ORG/REPO:\n",
               models->count != 0 || shipped != NULL ? "\n" : "");
    for (size_t i = 0; i < tl_known_model_count; i++) {
        const tl_known_model *known = &tl_known_models[i];
        if (is_installed(models, known->repository))
            continue;
        if (!as_json)
            printf("  %-22s %s (%s)\n", known->name, known->summary, known->repository);
        else if (!print_json_row(known->repository, NULL, false, known->summary, err))
            return false;
    }
    return true;
}

bool tl_model_command__list(const tl_command_call *call, bool as_json, tl_error *err)
{
    tl_stored_models models;
    char *chosen = NULL, *shipped = NULL;
    if (!tl_model_store_list(call->runtime, &models, err))
        return false;
    bool ok = tl_runtime_default_model(call->runtime, &chosen, err) && tl_shipped_model_find(&shipped, err) &&
              print_all(&models, shipped, chosen, as_json, err);
    tl_memory_free(shipped);
    tl_memory_free(chosen);
    tl_stored_models_clear(&models);
    return ok;
}
