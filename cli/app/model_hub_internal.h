/*
 * A hub of models as its HTTP interface shows it (the one of huggingface.co, which mirrors copy): what a repository's revision
 * is, which files it has, and one file brought into a folder. Between the files model_*.c only.
 */
#ifndef TL_CLI_APP_MODEL_HUB_INTERNAL_H
#define TL_CLI_APP_MODEL_HUB_INTERNAL_H

#include "base/core/progress.h"
#include "base/io/json.h"
#include "base/net/http.h"
#include "cli/app/model_origin.h"

typedef struct tl_hub {
    tl_http_client *client;
    char endpoint[TL_MODEL_NAME_SIZE]; /* without a slash at its end */
    const char *token;                 /* borrowed, or NULL */
    bool is_plain;                     /* the endpoint is http:// */
    unsigned retries;                  /* in a row without a new byte */
    double retry_seconds;              /* before the first; doubled each time */
    const tl_progress *progress;
    bool has_answered;                /* ever */
    uint64_t bytes_done, bytes_total; /* of all files, for progress */
} tl_hub;

bool tl_hub__open(const char *endpoint, tl_hub *hub, tl_error *err) TL_MUST_USE;
void tl_hub__close(tl_hub *hub);

/* commit [TL_DIGEST_TEXT_SIZE] and license of a branch, tag or commit. */
bool tl_hub__describe(tl_hub *hub, const char *repository, const char *revision, char *commit, char *license, size_t license_size,
                      tl_error *err) TL_MUST_USE;
/* The files at the top of a commit. Names that are no plain file names are left out. */
bool tl_hub__list(tl_hub *hub, const char *repository, const char *commit, tl_model_file_list *out, tl_error *err) TL_MUST_USE;
/*
 * Brings file into folder: NAME.part grows, is checked against size and digest, and becomes NAME. A NAME that is there is
 * checked too, and kept if it is right. Fills file->sha256.
 */
bool tl_hub__download(tl_hub *hub, const char *repository, const char *commit, const char *folder, tl_model_file *file,
                      tl_error *err) TL_MUST_USE;

/* The answers behind the two above, as they came from outside. */
bool tl_hub__read_description(const tl_json *json, char *commit, char *license, size_t license_size, tl_error *err) TL_MUST_USE;
bool tl_hub__read_listing(const tl_json *json, tl_model_file_list *out, tl_error *err) TL_MUST_USE;

enum { TL_HUB_URL_SIZE = 2048 };
/* endpoint + before + ORG/REPO + between + piece [+ "/" + file]; piece and file are escaped, file may be NULL. */
bool tl_hub__url(const tl_hub *hub, const char *before, const char *repository, const char *between, const char *piece,
                 const char *file, char url[TL_HUB_URL_SIZE], tl_error *err) TL_MUST_USE;
bool tl_hub__is_cancelled(const tl_hub *hub);
/* Counts failures in a row; zero at first. */
typedef struct tl_hub_patience {
    unsigned failures;
} tl_hub_patience;
/* After a failure that may pass: true after a pause, to try again. False: err says more, or is that of a cancellation. */
bool tl_hub__may_try_again(tl_hub *hub, tl_hub_patience *left, bool has_progressed, const tl_http_response *response,
                           tl_error *err) TL_MUST_USE;
/* Puts in front of err what a status means on a hub. Returns false. */
bool tl_hub__explain(const tl_hub *hub, const tl_http_response *response, tl_error *err);

/* Which files of a repository make a model. dialect: "open_clip" or "transformers", a static text. */
bool tl_model_files__choose(const char *repository, const tl_model_file_list *listing, tl_model_file_list *out,
                            const char **dialect, tl_error *err) TL_MUST_USE;
/* The file that must be there before the others are asked for. */
const char *tl_model_files__config_name(const char *dialect);
bool tl_model_files__has_vocabulary(const tl_model_file_list *files);
/* Appends the vocabulary's files of a listing, with where they are from. */
bool tl_model_files__add_vocabulary(const tl_model_file_list *listing, const char *repository, const char *commit,
                                    tl_model_file_list *out, tl_error *err) TL_MUST_USE;

#endif
