/* What kind of table a JSON text is, told from its first bytes. */
#ifndef TL_CRAWLER_IMPORT_TABLES_JSON_SHAPE_H
#define TL_CRAWLER_IMPORT_TABLES_JSON_SHAPE_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

typedef enum tl_json_shape {
    TL_JSON_SHAPE_NONE,
    TL_JSON_SHAPE_LINES,   /* an object a line */
    TL_JSON_SHAPE_ROWS,    /* an array of objects, the root's or a member's (RedCaps: "annotations") */
    TL_JSON_SHAPE_COLUMNS, /* an object of arrays of equal length (SBU), or of objects with row numbers (pandas) */
    TL_JSON_SHAPE_COCO,    /* "images" and, apart from them, "annotations" with captions */
    TL_JSON_SHAPE_KARPATHY /* "images", each with its "sentences" */
} tl_json_shape;

/* member: which one holds the rows, "" for the root; must be initialised. */
bool tl_json_shape_of(tl_slice head, tl_json_shape *shape, tl_string *member, tl_error *err) TL_MUST_USE;
/* True for a member that describes a dataset and holds none of its rows ("info", "licenses"). */
bool tl_json_member_describes(const char *name);
/* Whether head has this shape. */
bool tl_json_has_shape(tl_slice head, tl_json_shape shape, bool *has_shape, tl_error *err) TL_MUST_USE;

#endif
