/* base/net/url over arbitrary text: what is accepted has one form, which reads as itself; also when relative to another. */
#include "base/core/memory.h"
#include "base/net/url.h"

#include <string.h>

static void check_form(const tl_url *url)
{
    tl_url again;
    tl_error err;
    TL_ASSERT(url->host.size != 0 && url->port != 0 && url->text.data[url->path_at] == '/');
    TL_ASSERT(strncmp(url->text.data, url->is_secure ? "https://" : "http://", url->is_secure ? 8 : 7) == 0);
    for (size_t i = 0; i < url->text.size; i++)
        TL_ASSERT(url->text.data[i] > ' ' && url->text.data[i] < 127);
    TL_ASSERT(strpbrk(url->text.data, "#") == NULL && strchr(url->host.data, '@') == NULL && strchr(url->host.data, '/') == NULL);
    tl_url_init(&again);
    bool ok = tl_url_parse(&again, url->text.data, NULL, &err);
    TL_ASSERT(ok && strcmp(again.text.data, url->text.data) == 0 && strcmp(again.host.data, url->host.data) == 0);
    tl_url_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_url url, base;
    tl_error err;
    char *text = tl_memory_copy_text((const char *)data, size, &err);
    TL_ASSERT(text != NULL);
    tl_url_init(&url);
    tl_url_init(&base);
    if (tl_url_parse(&url, text, NULL, &err))
        check_form(&url);
    else
        TL_ASSERT(err.kind == TL_ERROR_INVALID || err.kind == TL_ERROR_UNSUPPORTED);
    TL_ASSERT(tl_url_parse(&base, "https://example.com/a/b?c", NULL, &err));
    if (tl_url_parse(&base, text, base.text.data, &err))
        check_form(&base);
    tl_url_clear(&base);
    tl_url_clear(&url);
    tl_memory_free(text);
    return 0;
}
