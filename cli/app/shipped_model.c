/*
 * An installed tree can be moved, so the folder is looked for from where the program lies: in the tree it was installed with,
 * then beside it, where a build has its copy. In another program (the library, SQL) there remains where it was installed at
 * first.
 */
#include "cli/app/shipped_model.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"

#include <string.h>

enum { MAX_PATH_BYTES = 1 << 16 };

/* The folder that the running program lies in, a new string; NULL where it cannot be told. */
static char *program_folder(void)
{
    char *program = tl_path_resolve("/proc/self/exe", NULL);
    char *slash = program != NULL ? strrchr(program, '/') : NULL;
    if (slash != NULL)
        *slash = '\0';
    return program;
}

/* *directory stays NULL where there is no model below this folder. */
static bool look_in(const char *folder, const char *models, char **directory, tl_error *err)
{
    tl_string path;
    tl_file_status status = {.kind = TL_FILE_MISSING};
    tl_string_init(&path, MAX_PATH_BYTES);
    bool ok = tl_string_append_format(&path, err, "%s%s%s/" TL_SHIPPED_MODEL, folder, *folder != '\0' ? "/" : "", models);
    if (ok && tl_file_status_read(path.data, &status, NULL) && status.kind == TL_FILE_DIRECTORY)
        ok = (*directory = tl_path_resolve(path.data, err)) != NULL;
    tl_string_clear(&path);
    return ok;
}

bool tl_shipped_model_find(char **directory, tl_error *err)
{
    *directory = NULL;
    char *program = program_folder();
    bool ok = true;
    if (program != NULL)
        ok = look_in(program, TL_MODELS_FROM_PROGRAM, directory, err) &&
             (*directory != NULL || look_in(program, "models", directory, err));
    if (ok && *directory == NULL)
        ok = look_in("", TL_MODELS_INSTALLED, directory, err);
    tl_memory_free(program);
    return ok;
}
