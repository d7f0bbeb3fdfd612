/*
 * Folders of the transformers dialect: tokenizer_config.json names a class, else config.json's model_type implies one. Classes
 * are rows of a table.
 */
#include "tokenizer/folders/folder_internal.h"

#include "base/core/memory.h"
#include "tokenizer/files/published.h"

enum { MAX_SIGLIP_SPECIALS = 64 };

typedef bool vocabulary_opener(tl_published_folder *self, tl_error *err);

static vocabulary_opener open_clip_vocabulary, open_siglip, open_t5, open_xlm_roberta, open_gemma, open_siglip2, open_bert,
    open_any;

/* What a class adds to a text and is called by, unless the folder says otherwise. */
typedef struct tl_tokenizer_class {
    const char *name;
    const char *model_type; /* of config.json, when that alone decides */
    const char *roles[TL_ROLE_COUNT];
    tl_token_role first, last; /* TL_ROLE_COUNT: nothing */
    bool pads_left;
    bool asks_file; /* what is added is said by flags and the file's post-processor */
    vocabulary_opener *open;
} tl_tokenizer_class;

static const tl_tokenizer_class classes[] = {
    {"CLIPTokenizer",
     "clip",
     {"<|startoftext|>", "<|endoftext|>", "<|endoftext|>", NULL, "<|endoftext|>", NULL},
     TL_ROLE_BOS,
     TL_ROLE_EOS,
     false,
     false,
     open_clip_vocabulary},
    {"SiglipTokenizer",
     "siglip",
     {NULL, "</s>", "<unk>", NULL, "</s>", NULL},
     TL_ROLE_COUNT,
     TL_ROLE_EOS,
     false,
     false,
     open_siglip},
    {"Siglip2Tokenizer",
     "siglip2",
     {"<bos>", "<eos>", "<unk>", NULL, "<pad>", NULL},
     TL_ROLE_COUNT,
     TL_ROLE_COUNT,
     true,
     true,
     open_siglip2},
    {"GemmaTokenizer",
     "gemma",
     {"<bos>", "<eos>", "<unk>", NULL, "<pad>", NULL},
     TL_ROLE_COUNT,
     TL_ROLE_COUNT,
     true,
     true,
     open_gemma},
    {"T5Tokenizer", "t5", {NULL, "</s>", "<unk>", NULL, "<pad>", NULL}, TL_ROLE_COUNT, TL_ROLE_EOS, false, false, open_t5},
    {"MT5Tokenizer", "mt5", {NULL, "</s>", "<unk>", NULL, "<pad>", NULL}, TL_ROLE_COUNT, TL_ROLE_EOS, false, false, open_t5},
    {"XLMRobertaTokenizer",
     "metaclip_2",
     {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>"},
     TL_ROLE_BOS,
     TL_ROLE_EOS,
     false,
     false,
     open_xlm_roberta},
    {"XLMRobertaTokenizer",
     "xlm-roberta",
     {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>"},
     TL_ROLE_BOS,
     TL_ROLE_EOS,
     false,
     false,
     open_xlm_roberta},
    {"BertTokenizer",
     "bert",
     {NULL, NULL, "[UNK]", "[SEP]", "[PAD]", "[CLS]"},
     TL_ROLE_CLASS,
     TL_ROLE_SEPARATOR,
     false,
     false,
     open_bert},
    {"PreTrainedTokenizer", NULL, {NULL}, TL_ROLE_COUNT, TL_ROLE_COUNT, false, true, open_any},
    {"TokenizersBackend", NULL, {NULL}, TL_ROLE_COUNT, TL_ROLE_COUNT, false, true, open_any},
};

enum { CLASS_COUNT = sizeof classes / sizeof *classes };

static const tl_tokenizer_class *find_class(const char *name)
{
    for (size_t i = 0; i < CLASS_COUNT; i++)
        if (strcmp(classes[i].name, name) == 0)
            return &classes[i];
    return NULL;
}

static const tl_tokenizer_class *find_class_of_model(const char *model_type)
{
    for (size_t i = 0; i < CLASS_COUNT; i++)
        if (classes[i].model_type != NULL && strcmp(classes[i].model_type, model_type) == 0)
            return &classes[i];
    return NULL;
}

/* The text of a special token; NULL: the class has none and the folder names none. */
static const char *role_text(const tl_published_folder *self, tl_token_role role)
{
    if (role == TL_ROLE_COUNT)
        return NULL;
    const char *said = self->settings.roles[role].text;
    return said[0] != '\0' ? said : self->own->roles[role];
}

static int32_t find_piece(const tl_published_folder *self, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return -1;
    return self->clip != NULL ? tl_clip__find(self->clip, tl_slice_of(text)) : tl_published__find_piece(&self->vocabulary, text);
}

/* Before the vocabulary is wrapped in another kind. */
static void find_roles(tl_published_folder *self)
{
    for (int role = 0; role < TL_ROLE_COUNT; role++)
        self->role_ids[role] = find_piece(self, role_text(self, (tl_token_role)role));
}

static bool open_json(tl_published_folder *self, bool lowers, tl_error *err)
{
    char *path = tl_path_join(self->directory, "tokenizer.json", err);
    bool ok = path != NULL && tl_published__open_json(path, lowers, &self->vocabulary, err);
    tl_memory_free(path);
    return ok;
}

static bool open_pieces(tl_published_folder *self, const char *name, tl_published_reader reader, tl_error *err)
{
    char *path = tl_path_join(self->directory, name, err);
    bool ok = path != NULL && tl_published__open_sentencepiece(path, reader, &self->vocabulary, err);
    tl_memory_free(path);
    return ok;
}

static bool fail_missing(const tl_published_folder *self, const char *names, tl_error *err)
{
    return tl_fail(err, TL_ERROR_NOT_FOUND, "model '%s': expected %s for a %s, found none", self->directory, names,
                   self->own->name);
}

static bool add_clip_special(tl_published_folder *self, tl_clip *clip, const char *text, bool is_normalized, tl_error *err)
{
    int32_t id = tl_clip__find(clip, tl_slice_of(text));
    if (id < 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "model '%s': expected a piece '%s' for a special token, found none",
                       self->directory, text);
    return tl_clip__add_special(clip, text, id, is_normalized, err);
}

/* How a role's token is found: as added_tokens_decoder says of its text, else as it says itself. */
static bool is_role_normalized(const tl_tokenizer_settings *settings, tl_token_role role)
{
    const tl_named_token *token = &settings->roles[role];
    for (size_t i = 0; token->text[0] != '\0' && i < settings->added_count; i++)
        if (strcmp(settings->added[i].text, token->text) == 0)
            return settings->added[i].is_normalized;
    return token->is_normalized;
}

static bool open_clip_vocabulary(tl_published_folder *self, tl_error *err)
{
    tl_clip *clip = NULL;
    const tl_tokenizer_settings *settings = &self->settings;
    if (!tl_tokenizer_settings__read_added(self->directory, &self->settings, err) ||
        !tl_folder__read_clip(self->directory, TL_CLIP_TRANSFORMERS, role_text(self, TL_ROLE_UNKNOWN), &clip,
                              self->vocabulary.fingerprint, err))
        return false;
    for (size_t i = 0; i < settings->added_count; i++)
        if (!add_clip_special(self, clip, settings->added[i].text, settings->added[i].is_normalized, err))
            goto failed;
    for (int role = 0; role < TL_ROLE_COUNT; role++) {
        const char *text = role_text(self, (tl_token_role)role);
        if (text != NULL && !add_clip_special(self, clip, text, is_role_normalized(settings, (tl_token_role)role), err))
            goto failed;
    }
    tl_clip__publish(clip, &self->vocabulary);
    self->clip = clip;
    return true;
failed:
    tl_clip__destroy(clip);
    return false;
}

/* Wraps the SentencePiece vocabulary that is open in SiglipTokenizer's way with it. */
static bool wrap_siglip(tl_published_folder *self, tl_error *err)
{
    const char *texts[MAX_SIGLIP_SPECIALS];
    int32_t ids[MAX_SIGLIP_SPECIALS];
    size_t count = 0;
    const tl_tokenizer_settings *settings = &self->settings;
    if (settings->added_count > MAX_SIGLIP_SPECIALS - TL_ROLE_COUNT)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "model '%s': expected at most %d added tokens, found %zu", self->directory,
                       MAX_SIGLIP_SPECIALS - TL_ROLE_COUNT, settings->added_count);
    for (int role = 0; role < TL_ROLE_COUNT; role++)
        if (self->role_ids[role] >= 0) {
            texts[count] = role_text(self, (tl_token_role)role);
            ids[count++] = self->role_ids[role];
        }
    for (size_t i = 0; i < settings->added_count; i++)
        if (find_piece(self, settings->added[i].text) >= 0) {
            texts[count] = settings->added[i].text;
            ids[count++] = find_piece(self, settings->added[i].text);
        }
    tl_vocabulary pieces = self->vocabulary;
    self->vocabulary.kind = NULL;
    return tl_siglip__open(&pieces, settings->lowers == TL_ANSWER_NO, role_text(self, TL_ROLE_UNKNOWN), texts, ids, count,
                           &self->vocabulary, err);
}

static bool open_siglip(tl_published_folder *self, tl_error *err)
{
    if (tl_folder__has_file(self->directory, "spiece.model"))
        return open_pieces(self, "spiece.model", TL_READER_SENTENCEPIECE, err);
    return fail_missing(self, "spiece.model", err);
}

static bool open_t5(tl_published_folder *self, tl_error *err)
{
    if (tl_folder__has_file(self->directory, "tokenizer.json"))
        return open_json(self, false, err);
    if (tl_folder__has_file(self->directory, "spiece.model"))
        return open_pieces(self, "spiece.model", self->settings.has_no_extra_ids ? TL_READER_T5_BARE : TL_READER_T5, err);
    return fail_missing(self, "tokenizer.json or spiece.model", err);
}

static bool open_xlm_roberta(tl_published_folder *self, tl_error *err)
{
    if (tl_folder__has_file(self->directory, "tokenizer.json"))
        return open_json(self, false, err);
    if (tl_folder__has_file(self->directory, "sentencepiece.bpe.model"))
        return open_pieces(self, "sentencepiece.bpe.model", TL_READER_FAIRSEQ, err);
    return fail_missing(self, "tokenizer.json or sentencepiece.bpe.model", err);
}

static bool open_merges(tl_published_folder *self, tl_published_reader reader, tl_error *err)
{
    if (tl_folder__has_file(self->directory, "tokenizer.json"))
        return open_json(self, reader == TL_READER_SIGLIP2, err);
    if (tl_folder__has_file(self->directory, "tokenizer.model"))
        return open_pieces(self, "tokenizer.model", reader, err);
    return fail_missing(self, "tokenizer.json or tokenizer.model", err);
}

static bool open_gemma(tl_published_folder *self, tl_error *err)
{
    return open_merges(self, TL_READER_GEMMA, err);
}

static bool open_siglip2(tl_published_folder *self, tl_error *err)
{
    return open_merges(self, TL_READER_SIGLIP2, err);
}

static bool open_bert(tl_published_folder *self, tl_error *err)
{
    const tl_tokenizer_settings *settings = &self->settings;
    if (tl_folder__has_file(self->directory, "vocab.txt")) {
        const tl_word_list_options options = {
            .keeps_case = settings->lowers == TL_ANSWER_NO,
            .keeps_accents = settings->strips_accents == TL_ANSWER_NO,
            .strips_accents = settings->strips_accents == TL_ANSWER_YES,
            .joins_chinese = settings->splits_chinese == TL_ANSWER_NO,
        };
        char *path = tl_path_join(self->directory, "vocab.txt", err);
        bool ok = path != NULL && tl_published__open_word_list(path, &options, &self->vocabulary, err);
        tl_memory_free(path);
        return ok;
    }
    return tl_folder__has_file(self->directory, "tokenizer.json") ? open_json(self, false, err)
                                                                  : fail_missing(self, "vocab.txt or tokenizer.json", err);
}

static bool open_any(tl_published_folder *self, tl_error *err)
{
    return tl_folder__has_file(self->directory, "tokenizer.json") ? open_json(self, false, err)
                                                                  : fail_missing(self, "tokenizer.json", err);
}

/* The class that the folder's files name. */
static bool choose_class(tl_published_folder *self, tl_error *err)
{
    tl_json *config;
    if (!tl_folder__read_config(self->directory, "config.json", &config, err))
        return false;
    const char *type = tl_json_text_or(config, "model_type", "");
    const tl_tokenizer_class *of_model = find_class_of_model(type);
    const char *named = self->settings.class_name;
    bool ok = true;
    /* Folders of siglip2 name another class by mistake; transformers passes over that, too. */
    if (named[0] == '\0' || strcmp(type, "siglip2") == 0)
        self->own = of_model;
    else if ((self->own = find_class(named)) == NULL)
        ok = tl_fail(err, TL_ERROR_UNSUPPORTED,
                     "model '%s': tokenizer_config.json: expected a tokenizer class of CLIP, SigLIP, "
                     "Gemma, T5, XLM-RoBERTa or BERT, found '%s'",
                     self->directory, named);
    if (ok && self->own == NULL)
        self->own = tl_folder__has_file(self->directory, "tokenizer.json") ? find_class("TokenizersBackend")
                    : tl_folder__has_file(self->directory, "merges.txt")   ? find_class("CLIPTokenizer")
                    : tl_folder__has_file(self->directory, "spiece.model") ? find_class("SiglipTokenizer")
                    : tl_folder__has_file(self->directory, "vocab.txt")    ? find_class("BertTokenizer")
                                                                           : NULL;
    if (ok && self->own == NULL)
        ok = tl_fail(err, TL_ERROR_NOT_FOUND, "model '%s': expected the files of a tokenizer, found none", self->directory);
    tl_json_free(config);
    return ok;
}

/* The id of a token that every text gets, which therefore must be there. */
static bool find_added(const tl_published_folder *self, const char *text, int32_t *id, tl_error *err)
{
    *id = find_piece(self, text);
    if (*id < 0 && text != NULL && text[0] != '\0')
        return tl_fail(err, TL_ERROR_CORRUPT, "model '%s': expected a piece '%s' to put around texts, found none",
                       self->directory, text);
    return true;
}

/* What is put before and behind every text. */
static bool find_around(const tl_published_folder *self, tl_tokenizer_recipe *recipe, tl_error *err)
{
    const tl_tokenizer_settings *settings = &self->settings;
    char first[TL_MAX_TOKEN_SIZE] = "", last[TL_MAX_TOKEN_SIZE] = "";
    if (!self->own->asks_file)
        return find_added(self, role_text(self, self->own->first), &recipe->first_id, err) &&
               find_added(self, role_text(self, self->own->last), &recipe->last_id, err);
    if (settings->adds_bos != TL_ANSWER_MISSING || settings->adds_eos != TL_ANSWER_MISSING)
        return find_added(self, settings->adds_bos == TL_ANSWER_YES ? role_text(self, TL_ROLE_BOS) : NULL, &recipe->first_id,
                          err) &&
               find_added(self, settings->adds_eos == TL_ANSWER_YES ? role_text(self, TL_ROLE_EOS) : NULL, &recipe->last_id, err);
    if (!tl_folder__has_file(self->directory, "tokenizer.json"))
        return true;
    char *path = tl_path_join(self->directory, "tokenizer.json", err);
    bool ok = path != NULL && tl_post_processor__read(path, first, last, err);
    tl_memory_free(path);
    return ok && find_added(self, first, &recipe->first_id, err) && find_added(self, last, &recipe->last_id, err);
}

/* Opens the vocabulary of a folder of transformers and fills the recipe; on success the vocabulary is the caller's. */
bool tl_published_folder__open(tl_published_folder *self, tl_tokenizer_recipe *recipe, tl_error *err)
{
    if (!tl_tokenizer_settings__read(self->directory, &self->settings, err) || !choose_class(self, err) ||
        !self->own->open(self, err) || !find_around(self, recipe, err))
        return false;
    find_roles(self);
    recipe->pad_id = self->role_ids[TL_ROLE_PAD];
    recipe->limit = self->settings.max_length > 0 ? (size_t)self->settings.max_length : 0;
    recipe->pads_left =
        self->settings.pads_left == TL_ANSWER_MISSING ? self->own->pads_left : self->settings.pads_left == TL_ANSWER_YES;
    self->vocabulary.special = (tl_special_ids){recipe->pad_id, self->role_ids[TL_ROLE_UNKNOWN],
                                                recipe->first_id >= 0 ? recipe->first_id : self->role_ids[TL_ROLE_BOS],
                                                recipe->last_id >= 0 ? recipe->last_id : self->role_ids[TL_ROLE_EOS]};
    return self->own->open != open_siglip || wrap_siglip(self, err);
}

void tl_published_folder__clear(tl_published_folder *self)
{
    if (self->vocabulary.kind != NULL)
        self->vocabulary.kind->close(self->vocabulary.state);
    tl_tokenizer_settings__clear(&self->settings);
}

bool tl_published_folder__finish(tl_published_folder *self, const tl_tokenizer_recipe *recipe, tl_tokenizer **out, tl_error *err)
{
    tl_vocabulary vocabulary = self->vocabulary;
    self->vocabulary.kind = NULL;
    return tl_tokenizer__create(&vocabulary, recipe, out, err);
}

bool tl_folder__open_transformers(const char *directory, size_t context_length, tl_tokenizer **out, tl_error *err)
{
    tl_published_folder folder = {.directory = directory};
    tl_tokenizer_recipe recipe = tl_tokenizer_recipe__plain(context_length);
    bool ok = tl_published_folder__open(&folder, &recipe, err) && tl_published_folder__finish(&folder, &recipe, out, err);
    tl_published_folder__clear(&folder);
    return ok;
}
