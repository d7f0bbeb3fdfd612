#include "cli/app/tokenize_job.h"

#include "base/core/memory.h"
#include "base/io/file.h"

enum { CONTEXT_LENGTH = 512 }; /* only for padding and cutting, which printing does not do */

bool tl_tokenize_open(const char *path, tl_tokenizer **out, tl_error *err)
{
    tl_file_status status;
    if (!tl_file_status_read(path, &status, err))
        return false;
    char *file = status.kind == TL_FILE_DIRECTORY ? tl_path_join(path, "tokenizer.model", err)
                                                  : tl_memory_copy_text(path, strlen(path), err);
    tl_tokenizer_options options = {.context_length = CONTEXT_LENGTH};
    bool ok = file != NULL && tl_tokenizer_open(file, &options, out, err);
    tl_memory_free(file);
    return ok;
}
