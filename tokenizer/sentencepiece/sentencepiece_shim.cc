/*
 * The project's one C++ file: extern "C" functions over the SentencePiece library (Kudo and Richardson 2018, unigram models of
 * Kudo 2018). Each function body is one try block, so that neither an exception nor a failed status leaves it as such.
 */
#include "tokenizer/sentencepiece/sentencepiece_shim.h"

#include "base/core/memory.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <climits>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

/* Exported by the library, declared in none of its installed headers; loading takes no flags, so this is the only way to quiet
 * it. */
namespace sentencepiece
{
namespace logging
{
void SetMinLogLevel(int level);
}
} // namespace sentencepiece

struct tl_sentencepiece {
    sentencepiece::SentencePieceProcessor processor;
    tl_special_ids special;
    size_t count;
};

namespace
{

enum { LOG_FATAL_ONLY = 3 };

/* The library's messages end in "file(line) [condition] text"; only the text is for people, but the rest is all some have. */
bool fail_status(const sentencepiece::util::Status &status, tl_error_kind kind, const char *doing, tl_error *err)
{
    return tl_fail(err, kind, "%s: the sentencepiece library says: %s", doing, status.message());
}

/* To be called in a catch block. */
bool fail_exception(const char *doing, tl_error *err)
{
    try {
        throw;
    } catch (const std::bad_alloc &) {
        return tl_fail(err, TL_ERROR_NO_MEMORY, "%s: out of memory", doing);
    } catch (const std::exception &exception) {
        return tl_fail(err, TL_ERROR_CORRUPT, "%s: the sentencepiece library says: %s", doing, exception.what());
    } catch (...) {
        return tl_fail(err, TL_ERROR_CORRUPT, "%s: the sentencepiece library failed", doing);
    }
}

std::string_view view_of(tl_slice slice)
{
    return slice.size != 0 ? std::string_view(slice.data, slice.size) : std::string_view();
}

/* Hands an array of sentences to the trainer. */
class sentence_array : public sentencepiece::SentenceIterator
{
  public:
    sentence_array(const tl_slice *sentences, size_t count) : sentences_(sentences), count_(count)
    {
        load();
    }
    bool done() const override
    {
        return next_ == count_;
    }
    void Next() override
    {
        next_++;
        load();
    }
    const std::string &value() const override
    {
        return current_;
    }
    sentencepiece::util::Status status() const override
    {
        return sentencepiece::util::Status();
    }

  private:
    void load()
    {
        if (next_ < count_)
            current_.assign(sentences_[next_].data, sentences_[next_].size);
    }

    const tl_slice *sentences_;
    size_t count_;
    size_t next_ = 0;
    std::string current_;
};

} // namespace

bool tl_sentencepiece__open(tl_slice model, tl_sentencepiece **out, tl_error *err)
{
    const char *const doing = "loading the vocabulary";
    try {
        sentencepiece::logging::SetMinLogLevel(LOG_FATAL_ONLY);
        std::unique_ptr<tl_sentencepiece> pieces(new tl_sentencepiece());
        const sentencepiece::util::Status status = pieces->processor.LoadFromSerializedProto(view_of(model));
        if (!status.ok())
            return fail_status(status, TL_ERROR_CORRUPT, doing, err);
        pieces->special.pad = pieces->processor.pad_id();
        pieces->special.unknown = pieces->processor.unk_id();
        pieces->special.bos = pieces->processor.bos_id();
        pieces->special.eos = pieces->processor.eos_id();
        pieces->count = static_cast<size_t>(pieces->processor.GetPieceSize());
        *out = pieces.release();
        return true;
    } catch (...) {
        return fail_exception(doing, err);
    }
}

void tl_sentencepiece__close(tl_sentencepiece *pieces)
{
    delete pieces;
}

size_t tl_sentencepiece__count(const tl_sentencepiece *pieces)
{
    return pieces->count;
}

tl_special_ids tl_sentencepiece__special(const tl_sentencepiece *pieces)
{
    return pieces->special;
}

const char *tl_sentencepiece__piece(const tl_sentencepiece *pieces, int32_t id)
{
    return pieces->processor.IdToPiece(id).c_str();
}

bool tl_sentencepiece__encode(const tl_sentencepiece *pieces, tl_slice text, tl_piece_ids *out, tl_error *err)
{
    const char *const doing = "encoding";
    try {
        std::vector<int> ids;
        const sentencepiece::util::Status status = pieces->processor.Encode(view_of(text), &ids);
        if (!status.ok())
            return fail_status(status, TL_ERROR_CORRUPT, doing, err);
        if (!tl_memory_reserve(&out->ids, &out->capacity, ids.size(), sizeof(int32_t), err))
            return false;
        for (size_t i = 0; i < ids.size(); i++)
            out->ids[i] = ids[i];
        out->count = ids.size();
        return true;
    } catch (...) {
        return fail_exception(doing, err);
    }
}

bool tl_sentencepiece__decode(const tl_sentencepiece *pieces, const int32_t *ids, size_t count, tl_string *text, tl_error *err)
{
    const char *const doing = "decoding";
    try {
        const std::vector<int> copied(ids, ids + count);
        std::string decoded;
        const sentencepiece::util::Status status = pieces->processor.Decode(copied, &decoded);
        if (!status.ok())
            return fail_status(status, TL_ERROR_CORRUPT, doing, err);
        return tl_string_append(text, decoded.data(), decoded.size(), err);
    } catch (...) {
        return fail_exception(doing, err);
    }
}

bool tl_sentencepiece__train(const tl_slice *sentences, size_t count, size_t vocabulary_size, const char *character_coverage,
                             tl_string *model, bool *too_small, tl_error *err)
{
    const char *const doing = "training the vocabulary";
    *too_small = false;
    try {
        sentencepiece::logging::SetMinLogLevel(LOG_FATAL_ONLY);
        sentencepiece::SetRandomGeneratorSeed(1);
        /* One thread: sums of floats then have one order, and the same sentences give the same bytes. */
        const std::unordered_map<std::string, std::string> options = {
            {"model_type", "unigram"},
            {"vocab_size", std::to_string(vocabulary_size)},
            {"hard_vocab_limit", "false"},
            {"byte_fallback", "true"},
            {"normalization_rule_name", "nmt_nfkc_cf"},
            {"character_coverage", character_coverage},
            {"pad_id", "0"},
            {"unk_id", "1"},
            {"bos_id", "2"},
            {"eos_id", "3"},
            {"num_threads", "1"},
            {"max_sentence_length", std::to_string(1 << 30)},
            {"minloglevel", std::to_string(static_cast<int>(LOG_FATAL_ONLY))},
        };
        sentence_array iterator(sentences, count);
        std::string serialized;
        const sentencepiece::util::Status status = sentencepiece::SentencePieceTrainer::Train(options, &iterator, &serialized);
        if (!status.ok()) {
            *too_small = std::string(status.message()).find("smaller than required_chars") != std::string::npos;
            return fail_status(status, TL_ERROR_INVALID, doing, err);
        }
        return tl_string_append(model, serialized.data(), serialized.size(), err);
    } catch (...) {
        return fail_exception(doing, err);
    }
}
