"""check_folder_tokenizers.py DRIVER SCRATCH: rows of ids of whole model folders of the SentencePiece and WordPiece families.

Folders as they are published: SigLIP 2 over Gemma's BPE, SigLIP (i18n) and open_clip's mT5 over T5's unigram, MetaCLIP 2 over XLM-V's
unigram, CLIPA and CLIPS over BERT's WordPiece; in open_clip's dialect against its HFTokenizer, in transformers' dialect against the
class that AutoTokenizer finds. Vocabularies are trained here, since the published ones cannot be had; their own sizes are compared by
check_vocabularies.py. Texts and what counts as a difference: check_clip_tokenizer.py.
"""
import json, shutil, struct, sys
import transformers
from open_clip.tokenizer import HFTokenizer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from check_clip_tokenizer import RANDOM, SCRATCH, compare, folder, made_texts, write_json
from check_tokenizer_texts import shard_captions, stamp_captions
from check_vocabularies import hostile_texts, merges_of, proto_of, train

CAPTIONS, HOSTILE, MADE = 5000, 2500, 150
GEMMA_SYMBOLS = ["<unused%d>" % i for i in range(20)] + ["<start_of_turn>", "\n", "\n\n", "\u2581\u2581", "\u2581\u2581\u2581"]
WORDS_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]", "[unused1]"]


def all_texts():
    real = list(dict.fromkeys(text.replace("\0", " ") for source in (stamp_captions(), shard_captions()) for text in source if text))
    if not real:
        print("skipped: no captions: neither tuxpaint-stamps-default nor the shared data is here")
        sys.exit(77)
    RANDOM.shuffle(real)
    hostile = list(hostile_texts(real))
    hostile = RANDOM.sample(hostile, HOSTILE) + [text for text in hostile if len(text) >= 9000]
    marks = [f"a red {mark}{tail} hat" for mark in ("<bos>", "<eos>", "<pad>", "<s>", "</s>", "<unk>", "<mask>", "[SEP]", "[CLS]", "[PAD]",
                                                    "[MASK]", "[UNK]", "<extra_id_0>", "<unused3>") for tail in ("", " ")]
    hostile += marks + [text.upper() for text in marks] + ["".join(marks), "", " ", "\n", "\x00".replace("\0", "\x01")]
    texts = real[:CAPTIONS] + [text.replace("\0", "") for text in hostile + list(made_texts(real[:CAPTIONS], MADE))]
    return real, [text.encode("utf-8", "ignore").decode() for text in texts]


def copied(name, source, settings, **text_cfg):
    """A folder like source with other settings."""
    path = folder(name, **text_cfg)
    for file in source.iterdir():
        if file.suffix != ".compiled":
            shutil.copy(file, path)
    write_json(path / "tokenizer_config.json", settings)
    return path


def added_decoder(path):
    tokens = json.loads((path / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    return {str(token.pop("id")): token for token in tokens}


def make_gemma(captions):
    """Its tokenizer.json with an end behind every text, as both dialects have it."""
    path, only_pieces = folder("gemma"), folder("gemma_pieces")
    model = train(captions, vocab_size=16000, model_type="bpe", byte_fallback=True, normalization_rule_name="identity", pad_id=0, eos_id=1,
                  bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>", add_dummy_prefix=False,
                  remove_extra_whitespaces=False, user_defined_symbols=["<mask>", *GEMMA_SYMBOLS])
    vocabulary = {piece.piece: number for number, piece in enumerate(proto_of(model).pieces)}
    made = transformers.GemmaTokenizer(vocab=vocabulary, merges=merges_of(vocabulary), add_bos_token=False, add_eos_token=True)
    made.add_tokens([transformers.AddedToken(text, normalized=False) for text in GEMMA_SYMBOLS])
    made.save_pretrained(path)
    (only_pieces / "tokenizer.model").write_bytes(model)
    return path, only_pieces


def make_t5(captions, name, symbols):
    """Its SentencePiece file, and the tokenizer.json that the class makes of it without and with extra ids."""
    path, as_json, with_ids = folder(name + "_pieces"), folder(name + "_json"), folder(name + "_with_ids")
    (path / "spiece.model").write_bytes(train(captions, vocab_size=16000, model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
                                              character_coverage=0.9995, normalization_rule_name="nmt_nfkc",
                                              user_defined_symbols=symbols))
    transformers.T5Tokenizer.from_pretrained(path, extra_ids=0).save_pretrained(as_json)
    if not symbols:
        transformers.T5Tokenizer.from_pretrained(path).save_pretrained(with_ids)
    return path, as_json, with_ids


def make_xlm(captions):
    path, as_json = folder("xlm_pieces"), folder("xlm_json")
    (path / "sentencepiece.bpe.model").write_bytes(train(captions, vocab_size=20000, model_type="unigram", character_coverage=0.9995,
                                                         normalization_rule_name="nmt_nfkc"))
    transformers.XLMRobertaTokenizer.from_pretrained(path).save_pretrained(as_json)
    return path, as_json


def make_bert(captions):
    path, as_json = folder("bert_words"), folder("bert_json")
    word_pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    word_pieces.normalizer, word_pieces.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    word_pieces.train_from_iterator(captions, trainers.WordPieceTrainer(vocab_size=16000, special_tokens=WORDS_SPECIAL, show_progress=False,
                                                                        limit_alphabet=3000))
    pieces = sorted(word_pieces.get_vocab().items(), key=lambda item: item[1])
    (path / "vocab.txt").write_text("".join(text + "\n" for text, _ in pieces), encoding="utf-8")
    transformers.BertTokenizer.from_pretrained(path).save_pretrained(as_json)
    return path, as_json


def main():
    real, texts = all_texts()
    with open(SCRATCH / "texts.bin", "wb") as out:
        for text in texts:
            out.write(struct.pack("=I", len(text.encode())) + text.encode())
    results = []

    def check(what, path, reference, context):
        try:
            results.append(compare(what, path, reference, context, texts, CAPTIONS))
        except SystemExit as refused:
            print(refused)
            results.append(False)
        sys.stdout.flush()

    def wrapped(what, source, settings, context, mode=None, **kwargs):
        """open_clip's dialect."""
        cfg = {"context_length": context, "hf_tokenizer_name": "somebody/" + source.name, "tokenizer_kwargs": kwargs or None}
        if mode is not None:
            cfg["tokenizer_mode"] = mode
        path = copied(f"open_clip_{len(results)}", source, settings, **cfg)
        check("open_clip HFTokenizer, " + what, path, HFTokenizer(str(path), context_length=context, tokenizer_mode=mode, **kwargs), context)

    def of_class(what, source, settings, model_type, context):
        """transformers' dialect; as its processors call their tokenizers."""
        path = copied(f"transformers_{len(results)}", source, settings)
        if model_type is not None:
            write_json(path / "config.json", {"model_type": model_type})
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(path))
        limit = min(context, tokenizer.model_max_length)

        def rows(batch):
            if limit == context:
                return tokenizer(batch, padding="max_length", truncation=True, max_length=context).input_ids
            cut = tokenizer(batch, truncation=True, max_length=limit)
            return tokenizer.pad(cut, padding="max_length", max_length=context).input_ids

        check(f"transformers {type(tokenizer).__name__} of a {model_type}, {what}", path, rows, context)

    gemma, gemma_pieces = make_gemma(real[:20000])
    gemma_settings = {"add_bos_token": False, "add_eos_token": True, "added_tokens_decoder": added_decoder(gemma), "bos_token": "<bos>",
                      "clean_up_tokenization_spaces": False, "eos_token": "<eos>", "model_max_length": 64, "pad_token": "<pad>",
                      "padding_side": "right", "sp_model_kwargs": {}, "spaces_between_special_tokens": False,
                      "tokenizer_class": "GemmaTokenizer", "unk_token": "<unk>"}
    lean = {key: gemma_settings[key] for key in ("tokenizer_class", "padding_side", "model_max_length")}
    written = json.loads((gemma / "tokenizer_config.json").read_text(encoding="utf-8"))
    wrapped("SigLIP 2, tokenizer.json", gemma, gemma_settings, 64, clean="canonicalize")
    wrapped("SigLIP 2, tokenizer.json, few settings", gemma, lean, 64, clean="canonicalize")
    wrapped("SigLIP 2, tokenizer.json, settings of transformers 5", gemma, written, 64, clean="canonicalize")
    for clean in ("whitespace", "lower"):
        wrapped(f"SigLIP 2, tokenizer.json, clean {clean}", gemma, gemma_settings, 64, clean=clean)
    wrapped("SigLIP 2, tokenizer.json and tokenizer.model", with_file(gemma, gemma_pieces), gemma_settings, 64, clean="canonicalize")
    wrapped("SigLIP 2, tokenizer.model", gemma_pieces, gemma_settings, 64, clean="canonicalize")
    for model_type in ("siglip", "siglip2", "gemma", None):
        of_class("tokenizer.json", gemma, gemma_settings, model_type, 64)
    of_class("tokenizer.json, few settings", gemma, lean, "siglip2", 64)
    of_class("tokenizer.json, Siglip2Tokenizer", gemma, {**gemma_settings, "tokenizer_class": "Siglip2Tokenizer"}, "siglip2", 64)
    of_class("tokenizer.json, padded on the left", gemma, {**gemma_settings, "padding_side": "left"}, "siglip2", 64)
    of_class("tokenizer.model", gemma_pieces, gemma_settings, "siglip", 64)
    of_class("tokenizer.model", gemma_pieces, gemma_settings, "siglip2", 64)

    for name, symbols in (("t5", []), ("mt5", ["\u2581<extra_id_%d>" % i for i in range(9, -1, -1)])):
        pieces, as_json, with_ids = make_t5(real[:20000], name, symbols)
        settings = {"additional_special_tokens": [], "eos_token": "</s>", "extra_ids": 0, "legacy": False, "model_max_length": 64,
                    "pad_token": "</s>", "sp_model_kwargs": {}, "tokenizer_class": "T5Tokenizer", "unk_token": "<unk>"}
        published = {**settings, "additional_special_tokens": None, "model_max_length": None, "pad_token": "<pad>"}
        few = {"tokenizer_class": "T5Tokenizer", "model_max_length": 512}
        for source in (as_json, pieces):
            file = next(file.name for file in source.iterdir() if file.name in ("tokenizer.json", "spiece.model"))
            wrapped(f"SigLIP over {name}, {file}", source, settings, 64, clean="canonicalize")
            wrapped(f"MetaCLIP 2 over {name}, {file}", source, published, 77, clean="canonicalize")
            wrapped(f"{name}, {file}", source, published, 77)
            of_class(f"{name}'s {file}", source, {**published, "model_max_length": 64}, "siglip", 64)
            of_class(f"{name}'s {file}", source, published, name, 64)
        wrapped(f"SigLIP over {name}, T5TokenizerFast, tokenizer.json", as_json, {**settings, "tokenizer_class": "T5TokenizerFast"}, 64)
        if not symbols:
            of_class(f"{name}'s spiece.model, extra ids", pieces, few, None, 64)
            of_class(f"{name}'s tokenizer.json, extra ids", with_ids, few, None, 64)

    pieces, as_json = make_xlm(real[:20000])
    mask = {"content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False, "__type": "AddedToken"}
    settings = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "mask_token": mask, "model_max_length": 512,
                "pad_token": "<pad>", "sep_token": "</s>", "sp_model_kwargs": {}, "tokenizer_class": "XLMRobertaTokenizer", "unk_token": "<unk>"}
    for source in (as_json, pieces):
        file = next(file.name for file in source.iterdir() if file.name in ("tokenizer.json", "sentencepiece.bpe.model"))
        wrapped(f"MetaCLIP 2 over XLM-V, {file}", source, settings, 77)
        wrapped(f"XLM-R, {file}, mode clips", source, settings, 77, mode="clips")
        wrapped(f"XLM-R, {file}, strip_sep_token", source, settings, 77, strip_sep_token=True)
        of_class(file, source, {**settings, "model_max_length": 77}, "metaclip_2", 77)
        of_class(file + ", few settings", source, {}, "metaclip_2", 77)
        of_class(file, source, {**settings, "tokenizer_class": "XLMRobertaTokenizerFast"}, "xlm-roberta", 77)

    pieces, as_json = make_bert(real[:20000])
    settings = {"do_lower_case": True, "model_max_length": 512}
    full = {**settings, "cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]", "sep_token": "[SEP]", "strip_accents": None,
            "tokenize_chinese_chars": True, "tokenizer_class": "BertTokenizer", "unk_token": "[UNK]"}
    # Known: ends that only the settings name are not looked for in a text, so no text here holds one.
    ends = {**full, "bos_token": "[unused0]", "eos_token": "[unused1]"}
    for source in (as_json, pieces):
        file = next(file.name for file in source.iterdir() if file.name in ("tokenizer.json", "vocab.txt"))
        wrapped(f"CLIPA over BERT, {file}", source, full, 32, strip_sep_token=True)
        wrapped(f"CLIPS over BERT, {file}", source, ends, 80, mode="clips")
        wrapped(f"CLIPA over BERT, {file}, canonicalize", source, full, 32, strip_sep_token=True, clean="canonicalize")
        of_class(file, source, full, "clip", 77)
        of_class(file, source, settings, "bert", 64)
        if file == "tokenizer.json":  # Known: settings that say otherwise than its normalizer do not overrule it here.
            continue
        of_class(file + ", with case", source, {**full, "do_lower_case": False, "model_max_length": 48}, "bert", 64)
        of_class(file + ", accents kept", source, {**full, "strip_accents": False}, "bert", 64)
        of_class(file + ", Chinese joined", source, {**full, "tokenize_chinese_chars": False}, "bert", 64)
    print(f"{len(results)} folders, {results.count(False)} with differences")
    sys.exit(0 if all(results) else 1)


def with_file(path, other):
    """A copy of path with the files of other."""
    both = copied(path.name + "_both", path, {})
    for file in other.iterdir():
        shutil.copy(file, both)
    return both


main()
