/*
 * MODEL/report.html: what training.jsonl and train.json of a run say, for people: curves as SVG, the last numbers, the settings.
 * One file that opens without a network: no script, no style and no picture from anywhere else.
 */
#ifndef TL_CLI_APP_TRAIN_PAGE_H
#define TL_CLI_APP_TRAIN_PAGE_H

#include "base/core/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes it anew, of a finished run or of one that still goes on. A folder without a run is an error. */
bool tl_train_page_write(const char *model_directory, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
