/*
 * Owns a list over its files: which one is open, the number of the next row, and the passing over of rows that a resumed run has
 * settled. All files are opened once at the start, so that a wrong one is told of before anything is done.
 */
#include "crawler-import/lists/list.h"

#include "base/core/memory.h"
#include "crawler-import/lists/list_files.h"
#include "crawler-import/lists/row_builder.h"
#include "crawler-import/lists/row_filter.h"
#include "crawler-import/sample_key.h"

#include <inttypes.h>

enum { ROWS_BETWEEN_WATCHES = 1 << 16 }; /* passed over without looking into them */

struct tl_list {
    tl_list_options options; /* its texts are owned copies */
    const tl_list_format *format;
    tl_list_files files;
    uint64_t size; /* of all files */
    size_t file;   /* the one that is open, or the next */
    uint64_t passed_size;
    tl_table *table; /* NULL between files */
    tl_row_filter *filter;
    tl_list_columns columns;
    tl_row_builder builder;
    uint64_t number; /* of the next row */
    tl_string origin;
    size_t origin_name_size; /* "name:" */
    tl_list_watch watch;
};

static bool has_url(void *context, const char *const *names, size_t count)
{
    const tl_list *list = context;
    return tl_list_columns_has_url(list->format, &list->options, names, count);
}

static void close_file(tl_list *list)
{
    tl_row_filter_destroy(list->filter);
    list->filter = NULL;
    tl_list_columns_clear(&list->columns);
    tl_table_close(list->table);
    list->table = NULL;
}

static bool is_of_kind(const tl_list *list)
{
    const char *wanted = list->format->table_kind;
    return wanted == NULL || strncmp(tl_table_kind(list->table), wanted, strlen(wanted)) == 0;
}

/* Opens the file with what is asked of its columns. */
static bool prepare_file(tl_list *list, const tl_list_file *file, tl_error *err)
{
    const char *wanted = list->format->table_kind;
    /* What is JSON is told from the bytes all the same: there are several kinds of it. */
    bool is_forced =
        wanted != NULL && (strcmp(wanted, "csv") == 0 || strcmp(wanted, "lines") == 0 || strcmp(wanted, "jsonl") == 0);
    tl_table_options options = {.kind = is_forced ? wanted : NULL, .has_columns = has_url, .context = list};
    if (!tl_table_open(file->path, &options, &list->table, err))
        return false;
    if (!is_of_kind(list))
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected %s, found %s", file->name, list->format->name,
                       tl_table_kind(list->table));
    if (!tl_list_columns_find(&list->columns, list->table, list->format, &list->options, err) ||
        (list->options.where != NULL && !tl_row_filter_create(list->table, list->options.where, &list->filter, err)))
        return tl_fail_within(err, "'%s'", file->name);
    if (list->filter != NULL) {
        tl_row_filter_set_watch(list->filter, list->watch);
        tl_row_filter_mark(list->filter, list->columns.wanted);
    }
    tl_table_select(list->table, list->columns.wanted);
    return true;
}

static bool open_file(tl_list *list, tl_error *err)
{
    const tl_list_file *file = &list->files.files[list->file];
    tl_string_reset(&list->origin);
    if (!prepare_file(list, file, err) || !tl_row_builder_use(&list->builder, list->table, &list->columns, err) ||
        !tl_text_append_readable(tl_slice_of(file->name), &list->origin, err) || !tl_string_append(&list->origin, ":", 1, err)) {
        close_file(list);
        return false;
    }
    list->origin_name_size = list->origin.size;
    return true;
}

static bool copy_text(const char **text, tl_error *err)
{
    const char *original = *text;
    *text = original != NULL ? tl_memory_copy_text(original, strlen(original), err) : NULL;
    return original == NULL || *text != NULL;
}

static bool copy_options(tl_list *list, const tl_list_options *options, tl_error *err)
{
    if (options == NULL)
        return true;
    list->format = tl_list_format_find(options->format);
    if (list->format == NULL) {
        tl_string names;
        tl_string_init(&names, 4096);
        bool ok = true;
        for (size_t i = 0; ok && tl_list_format_name(i) != NULL; i++)
            ok = tl_string_append_format(&names, err, "%s%s", i == 0 ? "" : ", ", tl_list_format_name(i));
        if (ok)
            tl_fail(err, TL_ERROR_INVALID, "format: expected one of %s, found '%s'", names.data, options->format);
        tl_string_clear(&names);
        return false;
    }
    list->options = (tl_list_options){.url_column = options->url_column,
                                      .caption_column = options->caption_column,
                                      .digest_column = options->digest_column,
                                      .keep = options->keep,
                                      .where = options->where};
    bool ok = copy_text(&list->options.url_column, err);
    ok = copy_text(&list->options.caption_column, err) && ok;
    ok = copy_text(&list->options.digest_column, err) && ok;
    ok = copy_text(&list->options.keep, err) && ok;
    return copy_text(&list->options.where, err) && ok;
}

/* Opens every file once and leaves the first one open. */
static bool check_files(tl_list *list, tl_error *err)
{
    for (size_t i = list->files.count; i-- > 0;) {
        close_file(list);
        list->file = i;
        list->size += list->files.files[i].size;
        if (!open_file(list, err))
            return false;
    }
    return true;
}

bool tl_list_open(const char *const *paths, size_t path_count, const tl_list_options *options, tl_list **out, tl_error *err)
{
    if (path_count == 0)
        return tl_fail(err, TL_ERROR_INVALID, "expected a list, found none");
    tl_list *list = tl_memory_allocate(1, sizeof *list, err);
    if (list == NULL)
        return false;
    list->format = tl_list_format_find(NULL);
    tl_row_builder_init(&list->builder);
    tl_string_init(&list->origin, 65536);
    bool ok = copy_options(list, options, err);
    for (size_t i = 0; ok && i < path_count; i++)
        ok = tl_list_files_add(&list->files, paths[i], err);
    if (!ok || !check_files(list, err)) {
        tl_list_close(list);
        return false;
    }
    *out = list;
    return true;
}

/* Makes sure that a file is open; *done when there are no more. */
static bool reach_file(tl_list *list, bool *done, tl_error *err)
{
    *done = list->file == list->files.count;
    return *done || list->table != NULL || open_file(list, err);
}

static void leave_file(tl_list *list)
{
    close_file(list);
    list->passed_size += list->files.files[list->file].size;
    list->file++;
}

bool tl_list_next(tl_list *list, tl_list_row *out, bool *done, tl_error *err)
{
    tl_table_row row;
    for (;;) {
        uint64_t passed = 1;
        bool has_ended = false;
        if (!reach_file(list, done, err))
            return false;
        if (*done)
            return true;
        bool ok = list->filter != NULL ? tl_row_filter_next(list->filter, &row, &passed, &has_ended, err)
                                       : tl_table_next(list->table, &row, &has_ended, err);
        if (!ok)
            return false;
        list->number += list->filter != NULL || !has_ended ? passed : 0;
        if (!has_ended)
            break;
        leave_file(list);
    }
    if (!tl_row_builder_build(&list->builder, &list->columns, &row, out, err))
        return false;
    list->origin.size = list->origin_name_size;
    if (!tl_string_append_format(&list->origin, err, "%" PRIu64, row.line))
        return false;
    out->origin = list->origin.data;
    out->number = list->number - 1;
    return true;
}

bool tl_list_skip(tl_list *list, uint64_t count, tl_error *err)
{
    bool done = false;
    while (count != 0) {
        uint64_t passed = 0;
        uint64_t wanted = count < ROWS_BETWEEN_WATCHES ? count : ROWS_BETWEEN_WATCHES;
        if (!reach_file(list, &done, err))
            return false;
        if (done)
            return true;
        if (!tl_table_skip(list->table, wanted, &passed, err))
            return false;
        list->number += passed;
        if (passed < wanted)
            leave_file(list);
        count -= passed;
        if (count != 0 && list->watch.tell != NULL && !list->watch.tell(list->watch.context, err))
            return false;
    }
    return true;
}

void tl_list_set_watch(tl_list *list, tl_list_watch watch)
{
    list->watch = watch;
    if (list->filter != NULL)
        tl_row_filter_set_watch(list->filter, watch);
}

double tl_list_progress(const tl_list *list)
{
    if (list->file == list->files.count || list->size == 0)
        return 1;
    double here = list->table != NULL ? tl_table_progress(list->table) : 0;
    double share = ((double)list->passed_size + here * (double)list->files.files[list->file].size) / (double)list->size;
    return share < 1 ? share : 1;
}

void tl_list_close(tl_list *list)
{
    if (list == NULL)
        return;
    close_file(list);
    tl_row_builder_clear(&list->builder);
    tl_list_files_clear(&list->files);
    tl_string_clear(&list->origin);
    tl_memory_free((char *)list->options.url_column);
    tl_memory_free((char *)list->options.caption_column);
    tl_memory_free((char *)list->options.digest_column);
    tl_memory_free((char *)list->options.keep);
    tl_memory_free((char *)list->options.where);
    tl_memory_free(list);
}
