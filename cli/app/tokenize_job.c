#include "cli/app/tokenize_job.h"

#include "base/io/file.h"

enum { CONTEXT_LENGTH = 512 }; /* only for padding and cutting, which printing does not do */

bool tl_tokenize_open(const char *path, tl_tokenizer **out, tl_error *err)
{
    const tl_tokenizer_options options = {.context_length = CONTEXT_LENGTH};
    tl_file_status status;
    if (!tl_file_status_read(path, &status, err))
        return false;
    return status.kind == TL_FILE_DIRECTORY ? tl_tokenizer_open_folder(path, CONTEXT_LENGTH, out, err)
                                            : tl_tokenizer_open(path, &options, out, err);
}
