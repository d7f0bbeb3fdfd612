/* Owns the rules about rows and their reasons. A row that another rule drops does not hide a later one of the same URL. */
#include "crawler-import/filters/row_judge.h"

#include "crawler-import/filters/script.h"

bool tl_row_judge_init(tl_row_judge *judge, const tl_row_rules *rules, tl_error *err)
{
    *judge = (tl_row_judge){.rules = *rules, .urls_seen = {.without_sources = true}};
    if (rules->max_caption != 0 && rules->max_caption < rules->min_caption)
        return tl_fail(err, TL_ERROR_INVALID, "caption: expected at most %u characters to be no less than at least %u",
                       rules->max_caption, rules->min_caption);
    return rules->scripts == NULL || tl_scripts_parse(rules->scripts, &judge->scripts, err);
}

void tl_row_judge_clear(tl_row_judge *judge)
{
    tl_key_set_clear(&judge->urls_seen);
}

static const char *judge_caption(const tl_row_judge *judge, const tl_list_row *row)
{
    const tl_row_rules *rules = &judge->rules;
    if (row->caption_count == 0)
        return rules->needs_caption || rules->min_caption != 0 || judge->scripts != 0 ? "no caption" : NULL;
    size_t length = tl_text_length(row->captions[0]);
    if (length < rules->min_caption)
        return "caption too short";
    if (rules->max_caption != 0 && length > rules->max_caption)
        return "caption too long";
    return judge->scripts != 0 && !tl_text_is_of_scripts(row->captions[0], judge->scripts) ? "other script" : NULL;
}

bool tl_row_judge_row(tl_row_judge *judge, const tl_list_row *row, uint64_t url_hash, const char **reason, tl_error *err)
{
    uint32_t source;
    *reason = row->skip_reason != NULL ? row->skip_reason : judge_caption(judge, row);
    if (*reason != NULL || !judge->rules.unique_urls)
        return true;
    if (tl_key_set_find(&judge->urls_seen, url_hash, &source)) {
        *reason = "duplicate url";
        return true;
    }
    return tl_key_set_add(&judge->urls_seen, url_hash, 0, err);
}
