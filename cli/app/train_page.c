/*
 * The log is read once into series, one a member; a chart draws some of them over the steps. Long runs are drawn as means of
 * equally long stretches, as many as a screen can show.
 */
#include "cli/app/train_page.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"
#include "base/io/json.h"
#include "cli/app/train_examples_internal.h"
#include "cli/app/training_log_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    WIDTH = 640,
    HEIGHT = 220,
    LEFT = 70,
    RIGHT = 10,
    TOP = 12,
    BOTTOM = 26,
    MOST_POINTS = 600,
    MOST_IN_CHART = 6,
    MAX_CONFIG_BYTES = 1 << 20,
    MAX_EXAMPLES_BYTES = 32 << 20
};
static const size_t max_page_bytes = (size_t)64 << 20;

typedef struct chart_plan {
    const char *title;
    const char *members[MOST_IN_CHART]; /* NULL ends */
} chart_plan;

static const chart_plan charts[] = {
    {"Loss", {"loss"}},
    {"Bound on mutual information: log(B) - loss, in nats", {"mutual_information_nats"}},
    {"Validation: recall, text to image",
     {"validation_text_to_image_recall_at_1", "validation_text_to_image_recall_at_5", "validation_text_to_image_recall_at_10"}},
    {"Validation: recall, image to text",
     {"validation_image_to_text_recall_at_1", "validation_image_to_text_recall_at_5", "validation_image_to_text_recall_at_10"}},
    {"Validation: zero-shot accuracy", {"validation_zero_shot_top_1", "validation_zero_shot_top_5"}},
    {"Accuracy within the batch", {"accuracy"}},
    {"Learning rate", {"learning_rate"}},
    {"Gradient norm, before it is cut", {"gradient_norm"}},
    {"Similarity: factor and bias", {"logit_scale", "logit_bias"}},
    {"Pairs a second", {"pairs_per_second"}},
};
enum { CHARTS = sizeof charts / sizeof charts[0] };

typedef struct curve_point {
    double step, value;
} curve_point;

typedef struct series {
    curve_point *points;
    size_t count, capacity;
} series;

typedef struct page {
    series lines[CHARTS][MOST_IN_CHART];
    tl_string html;
    tl_error *err;
    bool failed;
} page;

/* ---- reading ---- */

static bool add_point(page *self, series *line, double step, double value)
{
    if (!tl_memory_reserve(&line->points, &line->capacity, line->count + 1, sizeof *line->points, self->err))
        return false;
    line->points[line->count++] = (curve_point){step, value};
    return true;
}

/* A member that is null (no number) leaves a gap. */
static bool visit_line(void *context, uint64_t step, const tl_json *json)
{
    page *self = context;
    for (size_t c = 0; c < CHARTS; c++)
        for (size_t m = 0; m < MOST_IN_CHART && charts[c].members[m] != NULL; m++) {
            const double value = tl_json_number_or(json, charts[c].members[m], NAN);
            if (isfinite(value) && !add_point(self, &self->lines[c][m], (double)step, value)) {
                self->failed = true;
                return false;
            }
        }
    return true;
}

/* Means of stretches; a short series stays as it is. */
static void thin_out(series *line)
{
    if (line->count <= MOST_POINTS)
        return;
    for (size_t i = 0; i < MOST_POINTS; i++) {
        const size_t first = i * line->count / MOST_POINTS, end = (i + 1) * line->count / MOST_POINTS;
        double sum = 0.0;
        for (size_t j = first; j < end; j++)
            sum += line->points[j].value;
        line->points[i] = (curve_point){line->points[end - 1].step, sum / (double)(end - first)};
    }
    line->count = MOST_POINTS;
}

/* ---- writing ---- */

static bool append_escaped(tl_string *html, const char *text, tl_error *err)
{
    for (const char *at = text; *at != '\0';) {
        const size_t plain = strcspn(at, "<>&\"'");
        if (!tl_string_append(html, at, plain, err))
            return false;
        at += plain;
        if (*at != '\0' && !tl_string_append_format(html, err, "&#%d;", *at++))
            return false;
    }
    return true;
}

typedef struct chart_frame {
    double last_step, low, high;
} chart_frame;

static chart_frame frame_of(const series *lines)
{
    chart_frame frame = {1.0, INFINITY, -INFINITY};
    for (size_t m = 0; m < MOST_IN_CHART; m++)
        for (size_t i = 0; i < lines[m].count; i++) {
            const curve_point *point = &lines[m].points[i];
            frame.last_step = fmax(frame.last_step, point->step);
            frame.low = fmin(frame.low, point->value);
            frame.high = fmax(frame.high, point->value);
        }
    if (frame.high - frame.low < 1e-12 * fmax(1.0, fabs(frame.high))) { /* a flat line lies in the middle */
        const double room = fabs(frame.high) > 0.0 ? fabs(frame.high) / 2 : 0.5;
        frame.low -= room;
        frame.high += room;
    }
    return frame;
}

static double x_of(const chart_frame *frame, double step)
{
    return LEFT + step / frame->last_step * (WIDTH - LEFT - RIGHT);
}

static double y_of(const chart_frame *frame, double value)
{
    return HEIGHT - BOTTOM - (value - frame->low) / (frame->high - frame->low) * (HEIGHT - TOP - BOTTOM);
}

static bool append_grid(page *self, const chart_frame *frame)
{
    tl_string *html = &self->html;
    for (int i = 0; i <= 4; i++) {
        const double value = frame->low + (frame->high - frame->low) * i / 4, y = y_of(frame, value);
        const double step = frame->last_step * i / 4;
        if (!tl_string_append_format(html, self->err,
                                     "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
                                     "text-anchor=\"end\">%.4g</text><text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%.0f</text>\n",
                                     LEFT, y, WIDTH - RIGHT, LEFT - 6, y + 4, value, x_of(frame, step), HEIGHT - 8,
                                     i == 4 ? "end" : "middle", step))
            return false;
    }
    return true;
}

static bool append_line(page *self, const chart_frame *frame, const series *line, size_t number)
{
    tl_string *html = &self->html;
    if (line->count == 0)
        return true;
    if (!tl_string_append_format(html, self->err, "<polyline class=\"line c%zu\" points=\"", number))
        return false;
    for (size_t i = 0; i < line->count; i++)
        if (!tl_string_append_format(html, self->err, "%.1f,%.1f ", x_of(frame, line->points[i].step),
                                     y_of(frame, line->points[i].value)))
            return false;
    /* A lone measurement is no line. */
    const curve_point *last = &line->points[line->count - 1];
    return tl_string_append_format(html, self->err, "\"/><circle class=\"dot c%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>\n",
                                   number, x_of(frame, last->step), y_of(frame, last->value));
}

static bool append_chart(page *self, size_t number)
{
    const chart_plan *chart = &charts[number];
    series *lines = self->lines[number];
    tl_string *html = &self->html;
    size_t count = 0;
    for (size_t m = 0; m < MOST_IN_CHART; m++)
        count += lines[m].count;
    if (count == 0)
        return true;
    for (size_t m = 0; m < MOST_IN_CHART; m++)
        thin_out(&lines[m]);
    const chart_frame frame = frame_of(lines);
    if (!tl_string_append_format(html, self->err, "<figure><figcaption>%s</figcaption>\n<svg viewBox=\"0 0 %d %d\">\n",
                                 chart->title, WIDTH, HEIGHT) ||
        !append_grid(self, &frame))
        return false;
    for (size_t m = 0; m < MOST_IN_CHART; m++)
        if (!append_line(self, &frame, &lines[m], m))
            return false;
    if (!tl_string_append_text(html, "</svg>\n<p>", self->err))
        return false;
    for (size_t m = 0; m < MOST_IN_CHART; m++)
        if (lines[m].count != 0 &&
            !tl_string_append_format(html, self->err, "<span class=\"key c%zu\">%s: %.5g at step %.0f</span> ", m,
                                     chart->members[m], lines[m].points[lines[m].count - 1].value,
                                     lines[m].points[lines[m].count - 1].step))
            return false;
    return tl_string_append_text(html, "</p></figure>\n", self->err);
}

/* ---- examples ---- */

static bool append_found(page *self, const tl_json *found)
{
    tl_string *html = &self->html;
    const char *caption = tl_json_text_or(found, "caption", ""), *jpeg = tl_json_text_or(found, "jpeg", NULL);
    const bool is_right = tl_json_bool_or(found, "is_right", false);
    if (jpeg == NULL)
        return true;
    /* What is no base64 would end the attribute. */
    if (strspn(jpeg, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") != strlen(jpeg))
        return tl_fail(self->err, TL_ERROR_CORRUPT, "'%s': expected pictures in base64, found another character",
                       TL_TRAIN_EXAMPLES_FILE);
    return tl_string_append_format(html, self->err, "<figure class=\"%s\"><img src=\"data:image/jpeg;base64,",
                                   is_right ? "found right" : "found") &&
           tl_string_append_text(html, jpeg, self->err) && tl_string_append_text(html, "\" alt=\"\"><div>", self->err) &&
           append_escaped(html, caption, self->err) &&
           tl_string_append_format(html, self->err, " (%.3f)</div></figure>\n", tl_json_number_or(found, "similarity", 0.0));
}

static bool append_examples(page *self, const tl_json *examples)
{
    tl_string *html = &self->html;
    const size_t count = tl_json_array_size(examples);
    if (count == 0)
        return true;
    if (!tl_string_append_text(
            html,
            "<h2>Validation: pictures found for captions</h2>\n<p>The nearest first, with their own captions and "
            "similarities; framed ones are right.</p>\n",
            self->err))
        return false;
    for (size_t i = 0; i < count; i++) {
        const tl_json *example = tl_json_array_item(examples, i), *found = tl_json_member(example, "pictures");
        if (!tl_string_append_text(html, "<h3>", self->err) ||
            !append_escaped(html, tl_json_text_or(example, "caption", ""), self->err) ||
            !tl_string_append_text(html, "</h3>\n<div class=\"finds\">\n", self->err))
            return false;
        for (size_t k = 0; k < tl_json_array_size(found); k++)
            if (!append_found(self, tl_json_array_item(found, k)))
                return false;
        if (!tl_string_append_text(html, "</div>\n", self->err))
            return false;
    }
    return true;
}

static bool append_setting(void *context, const char *name, const tl_json *value)
{
    page *self = context;
    tl_string text;
    tl_string_init(&text, MAX_CONFIG_BYTES);
    self->failed =
        !tl_json_write(value, TL_JSON_COMPACT, &text, self->err) || !tl_string_append_text(&self->html, "<tr><th>", self->err) ||
        !append_escaped(&self->html, name, self->err) || !tl_string_append_text(&self->html, "</th><td>", self->err) ||
        !append_escaped(&self->html, text.data, self->err) || !tl_string_append_text(&self->html, "</td></tr>\n", self->err);
    tl_string_clear(&text);
    return !self->failed;
}

static bool append_page(page *self, const tl_json *settings, const tl_json *examples)
{
    static const char head[] =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Training run</title>\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        "<style>\nbody{font:14px/1.4 sans-serif;max-width:1340px;margin:1em auto;padding:0 1em;color:#222;background:#fff}\n"
        ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:1em}\n"
        "figure{margin:0}figcaption{font-weight:bold}svg{width:100%}svg text{font-size:11px;fill:#555}p{margin:0}\n"
        ".grid{stroke:#ddd}.line{fill:none;stroke:currentColor;stroke-width:1.5}.dot{fill:currentColor}\n"
        ".key{margin-right:1em}.c0{color:#1f5fa8}.c1{color:#c0501f}.c2{color:#2c8a4b}\n"
        "table{border-collapse:collapse}th,td{text-align:left;padding:0 1em 0 0;font-weight:normal;vertical-align:top}\n"
        ".finds{display:flex;flex-wrap:wrap;gap:.7em}.found{width:130px;font-size:12px}.found img{width:124px;border:3px solid "
        "#fff}\n"
        ".right img{border-color:#2c8a4b}h3{margin:.8em 0 .3em;font-size:14px}\n"
        "th{color:#555}\n</style></head><body>\n<h1>Training run</h1>\n<div class=\"charts\">\n";
    if (!tl_string_append_text(&self->html, head, self->err))
        return false;
    for (size_t c = 0; c < CHARTS; c++)
        if (!append_chart(self, c))
            return false;
    return tl_string_append_text(&self->html, "</div>\n", self->err) && append_examples(self, examples) &&
           tl_string_append_text(&self->html, "<h2>Settings</h2>\n<table>\n", self->err) &&
           (tl_json_each_member(settings, append_setting, self) || !self->failed) &&
           tl_string_append_text(&self->html, "</table>\n</body></html>\n", self->err);
}

/* NULL where the run has made none. */
static bool read_examples(const char *model_directory, tl_json **out, tl_error *err)
{
    tl_error reason;
    char *path = tl_path_join(model_directory, TL_TRAIN_EXAMPLES_FILE, err);
    *out = NULL;
    bool ok = path != NULL && (tl_json_read_file(path, MAX_EXAMPLES_BYTES, out, &reason) || reason.kind == TL_ERROR_NOT_FOUND ||
                               tl_fail_as(err, &reason));
    tl_memory_free(path);
    return ok;
}

bool tl_train_page_write(const char *model_directory, tl_error *err)
{
    page *self = tl_memory_allocate(1, sizeof *self, err);
    tl_json *settings = NULL, *examples = NULL;
    char *from = self != NULL ? tl_path_join(model_directory, "train.json", err) : NULL;
    char *to = from != NULL ? tl_path_join(model_directory, "report.html", err) : NULL;
    if (self != NULL) {
        tl_string_init(&self->html, max_page_bytes);
        self->err = err;
    }
    bool ok = to != NULL && tl_json_read_file(from, MAX_CONFIG_BYTES, &settings, err) &&
              read_examples(model_directory, &examples, err) && tl_training_log_each(model_directory, visit_line, self, err) &&
              !self->failed && append_page(self, settings, examples) && tl_file_replace(to, tl_string_slice(&self->html), err);
    for (size_t c = 0; self != NULL && c < CHARTS; c++)
        for (size_t m = 0; m < MOST_IN_CHART; m++)
            tl_memory_free(self->lines[c][m].points);
    if (self != NULL)
        tl_string_clear(&self->html);
    tl_json_free(examples);
    tl_json_free(settings);
    tl_memory_free(to);
    tl_memory_free(from);
    tl_memory_free(self);
    return ok;
}
