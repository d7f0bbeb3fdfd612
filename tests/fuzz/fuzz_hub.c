/* A hub's answers and origin.json: the first byte says which, the rest is the document. */
#include "cli/app/model_hub_internal.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    tl_slice text = {(const char *)data + 1, size - 1};
    tl_json *json = NULL;
    char commit[TL_DIGEST_TEXT_SIZE], license[TL_MODEL_NAME_SIZE];
    if (data[0] == 'o') {
        tl_model_origin origin;
        FILE *file = fopen("origin.json", "wb"); /* not tl_file_replace: its fsync would be all that is tested */
        if (file == NULL)
            return 0;
        fwrite(text.data, 1, text.size, file);
        fclose(file);
        if (tl_model_origin_read(".", &origin, NULL))
            tl_model_origin_clear(&origin);
        return 0;
    }
    if (!tl_json_parse(text, "answer", &json, NULL))
        return 0;
    tl_model_file_list listing = {0}, chosen = {0};
    const char *dialect;
    if (data[0] == 'd' && tl_hub__read_description(json, commit, license, sizeof license, NULL))
        TL_ASSERT(tl_digest_is_text(TL_DIGEST_SHA1, commit));
    if (data[0] == 'l' && tl_hub__read_listing(json, &listing, NULL)) {
        for (size_t i = 0; i < listing.count; i++)
            TL_ASSERT(tl_model_file_name_is_plain(listing.items[i].name));
        if (tl_model_files__choose("o/r", &listing, &chosen, &dialect, NULL))
            TL_ASSERT(chosen.count >= 2 && chosen.count <= listing.count);
    }
    tl_model_file_list_clear(&chosen);
    tl_model_file_list_clear(&listing);
    tl_json_free(json);
    return 0;
}
