/* What datasets call their columns. Adding a dataset: one row in formats.c. */
#ifndef TL_CRAWLER_IMPORT_LISTS_FORMATS_H
#define TL_CRAWLER_IMPORT_LISTS_FORMATS_H

#include <stddef.h>

typedef struct tl_list_format {
    const char *name;
    const char *table_kind;      /* that the file must be, NULL: any */
    const char *const *urls;     /* names of the column, the first that is there counts; ends with NULL */
    const char *const *captions; /* likewise */
    const char *const *digests;  /* likewise; names "md5" and "sha256" say the kind */
} tl_list_format;

/* The row of this name, the usual one for NULL, or NULL when there is none. */
const tl_list_format *tl_list_format_find(const char *name);

#endif
