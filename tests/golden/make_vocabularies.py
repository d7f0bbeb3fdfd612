"""Writes tests/golden/fixtures/vocabularies/: small vocabularies of the published kinds and what the reference's own classes make of texts with them.

Made with Python 3.11, sentencepiece 0.2.3, tokenizers 0.23.3 and transformers 5.24.0. The captions and the table of rules are made up here.

pieces.model    unigram, own rules, pad 0, eos 1, unknown 2, a user-defined symbol: read as sentencepiece and as T5Tokenizer do
bytes.model     unigram with byte fallback, own rules
xlm.model       unigram with sentencepiece's default ids: as XLMRobertaTokenizer; xlm.json is what that saves
merges.model    BPE with byte fallback, user-defined symbols, no dummy prefix: as sentencepiece
gemma.json      that vocabulary with its merges, as GemmaTokenizer saves it; siglip2.json: Siglip2Tokenizer
vocab.txt       WordPiece: as BertTokenizer; bert.json is what that saves
ids.tsv         file, kind, text in hex, ids
"""
import contextlib, io, itertools, json, pathlib, random, tempfile
import sentencepiece
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
import transformers
from transformers.convert_slow_tokenizer import import_protobuf

OUT = pathlib.Path(__file__).resolve().parent / "fixtures" / "vocabularies"
SEEDS = pathlib.Path(__file__).resolve().parents[1] / "fuzz" / "corpus"
RULES = "41\t61\n42\t62\n41 42\t63\n41 42 43\t64 20 64\nE9\t65 301\n65 301\tE9\n9\t20\nA\t20\nD\t20\nA0\t20\n3000\t20\nFB01\t66 69\n2122\t54 4D\n200B\t\n1F\t\n"
ADJECTIVES = "red green blue small big old wooden striped shiny sleeping round dark".split()
THINGS = "fox boat apple kite lamp cat tree car shoe bear house cloud".split()
PLACES = "in the snow;on a table;under water;at night;near the river;on the beach".split(";")
OTHERS = ["ein roter Fuchs im Schnee", "un petit chat noir", "красная лиса в снегу", "雪の中の赤い狐", "tiếng Việt có dấu", "눈 속의 여우"]
SYMBOLS = ["<sep>", "<unused0>", "<start_of_turn>", "\n", "\n\n", "\u2581\u2581"]
TEXTS = [
    "", " ", "   \t ", "a red fox", "A RED Fox", "  a   red\tfox  ", "a\nred\r\nfox", "the big old boat, at night!", "fox-trot: 12.5%", "x" * 200,
    "a red fox " * 20, "snow" * 30, "unseenword", "111111", "don't", "(text) \"quoted\"", "🦊", "a 🦊 in the snow ❄️", "🦊🦊 🦊", "雪の中の赤い狐", "漢字 𠮷野家",
    "눈 속의 여우", "e\u0301cole", "école", "A\u0301B", "ABC AB A", "ﬁ\u0301re ﬁre", "™\u200d™", "½ km²", "Straße", "İstanbul ΣΑΣ", "красная ЛИСА", "tiếng Việt",
    "\u200bzero\u200bwidth", "nb\u00a0space", "\u3000ideographic\u3000", "\u2028line\u2029", "\ufeffbom", "bell\x07 esc\x1b[0m", "\x01\x7f\x85\x9f", "\ufffd",
    "▁under▁score▁", " ▁ x", "▁", "▁▁", "<s>", "</s> <pad> <unk>x", "a<mask>b <mask> c", "a <sep> b<sep><sep>c", "<0x41>", "[CLS] a [SEP][MASK]b", "[UNK]",
    "<extra_id_7>x", "\n\n\nfox\n", "<start_of_turn>user", "  two  spaces   three", "नमस्ते दुनिया", "مرحبا بالعالم", "\U0010fffd", "##s fox##s", "fox,,fox。狐！", "\u0600a",
    "a\u0301\u0301\u0301b", "o\u0308\u0301", "ﬁ\u0300", "\r\n", "é" * 50,
]


def captions():
    for number, (adjective, thing, place) in enumerate(itertools.product(ADJECTIVES, THINGS, PLACES)):
        yield f"a {adjective} {thing} {place}" if number % 3 else f"{number} {adjective} {thing}s {place}."
    for _ in range(8):
        yield from OTHERS


def train(name, **options):
    model = io.BytesIO()
    # The model keeps the name of the rules' file, which must not be a path of this machine.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        pathlib.Path("rules.tsv").write_text(RULES)
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=captions(), model_writer=model, num_threads=1, hard_vocab_limit=False,
                                                 minloglevel=3, normalization_rule_tsv="rules.tsv", **options)
    (OUT / name).write_bytes(model.getvalue())
    return model.getvalue()


def save_json(tokenizer, name):
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        document = json.loads((pathlib.Path(folder) / "tokenizer.json").read_text(encoding="utf-8"))
    (OUT / name).write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def load(cls, files):
    with tempfile.TemporaryDirectory() as folder:
        for name, source in files.items():
            (pathlib.Path(folder) / name).write_bytes((OUT / source).read_bytes())
        return cls.from_pretrained(folder)


def bare(tokenizer):
    return lambda text: tokenizer.encode(text, add_special_tokens=False)


def word_pieces():
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.normalizer, trained.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    trained.train_from_iterator(captions(), trainers.WordPieceTrainer(vocab_size=400, show_progress=False,
                                                                      special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    pieces = sorted(trained.get_vocab().items(), key=lambda item: item[1])
    (OUT / "vocab.txt").write_text("".join(text + "\n" for text, _ in pieces), encoding="utf-8")
    return load(transformers.BertTokenizer, {"vocab.txt": "vocab.txt"})


def merge_tokenizer(cls, data):
    proto = import_protobuf().ModelProto()
    proto.ParseFromString(data)
    vocabulary = {piece.piece: number for number, piece in enumerate(proto.pieces)}
    merges = sorted((rank, text[:i], text[i:]) for text, rank in vocabulary.items() for i in range(1, len(text))
                    if text[:i] in vocabulary and text[i:] in vocabulary)
    made = cls(vocab=vocabulary, merges=[(left, right) for _, left, right in merges])
    made.add_tokens([transformers.AddedToken(text, normalized=False) for text in SYMBOLS])
    made.add_tokens([transformers.AddedToken("River Bank", normalized=True), transformers.AddedToken("kite", single_word=True, lstrip=True)])
    return made


def write_seeds():
    for name in ("pieces.model", "merges.model"):
        pathlib.Path(SEEDS / "published_vocabulary").mkdir(parents=True, exist_ok=True)
        (SEEDS / "published_vocabulary" / name).write_bytes(b"\0" + (OUT / name).read_bytes())
    small = {"version": "1.0", "added_tokens": [{"id": 5, "content": "<x>", "special": True, "normalized": False, "lstrip": True},
                                                {"id": 6, "content": "Fox", "normalized": True}],
             "normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
             "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True},
             "model": {"type": "BPE", "unk_token": "<u>", "fuse_unk": True, "byte_fallback": True,
                       "vocab": {"<u>": 0, "a": 1, "b": 2, "ab": 3, "\u2581": 4}, "merges": ["a b"]}}
    (SEEDS / "published_vocabulary" / "bpe").write_bytes(b"\3" + json.dumps(small, ensure_ascii=False).encode())
    small["model"] = {"type": "Unigram", "unk_id": 0, "vocab": [["<u>", 0], ["a", -1], ["b", -2], ["ab", -2.5], ["\u2581", -3]]}
    (SEEDS / "published_vocabulary" / "unigram").write_bytes(b"\3" + json.dumps(small, ensure_ascii=False).encode())
    small["model"] = {"type": "WordPiece", "unk_token": "<u>", "vocab": {"<u>": 0, "a": 1, "##b": 2, "ab": 3, "\u2581": 4}}
    small["normalizer"], small["pre_tokenizer"] = {"type": "BertNormalizer", "clean_text": True}, {"type": "BertPreTokenizer"}
    (SEEDS / "published_vocabulary" / "words").write_bytes(b"\3" + json.dumps(small, ensure_ascii=False).encode())
    (SEEDS / "published_vocabulary" / "list").write_bytes(b"\4[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nfox\n##s\na\n")
    for number in range(4):
        (SEEDS / "published_vocabulary" / f"text{number}").write_bytes(bytes([5 + number]) + " A ﬁre 🦊 e\u0301 ＦＯＸ <s></s> 雪 ▁ <sep>[SEP]\n\nfox ".encode())


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=train("pieces.model", vocab_size=420, model_type="unigram", pad_id=0, eos_id=1,
                                                                    unk_id=2, bos_id=-1, user_defined_symbols=["<sep>"]))
    folded = sentencepiece.SentencePieceProcessor(model_proto=train("bytes.model", vocab_size=560, model_type="unigram", byte_fallback=True))
    train("xlm.model", vocab_size=380, model_type="unigram")
    merged = train("merges.model", vocab_size=640, model_type="bpe", byte_fallback=True, pad_id=0, eos_id=1, bos_id=2, unk_id=3, eos_piece="<eos>",
                   bos_piece="<bos>", add_dummy_prefix=False, remove_extra_whitespaces=False, user_defined_symbols=SYMBOLS)
    xlm = load(transformers.XLMRobertaTokenizer, {"sentencepiece.bpe.model": "xlm.model"})
    t5 = load(transformers.T5Tokenizer, {"spiece.model": "pieces.model"})
    gemma, siglip2 = merge_tokenizer(transformers.GemmaTokenizer, merged), merge_tokenizer(transformers.Siglip2Tokenizer, merged)
    bert = word_pieces()
    save_json(xlm, "xlm.json")
    save_json(gemma, "gemma.json")
    save_json(siglip2, "siglip2.json")
    save_json(bert, "bert.json")
    rows = [("pieces.model", "sentencepiece", pieces.encode), ("pieces.model", "t5", bare(t5)), ("bytes.model", "sentencepiece", folded.encode),
            ("xlm.model", "fairseq", bare(xlm)), ("xlm.json", "json", bare(xlm)),
            ("merges.model", "sentencepiece", sentencepiece.SentencePieceProcessor(model_proto=merged).encode), ("gemma.json", "json", bare(gemma)),
            ("siglip2.json", "json", bare(siglip2)), ("vocab.txt", "words", bare(bert)), ("bert.json", "json", bare(bert))]
    extra = ["the river bank", "RIVER BANK", "River Bank, a kite", "kites kite", "a  kite!"]
    with open(OUT / "ids.tsv", "w", encoding="ascii") as out:
        for name, kind, encode in rows:
            for text in TEXTS + extra:
                out.write(f"{name}\t{kind}\t{text.encode().hex()}\t{' '.join(map(str, encode(text)))}\n")
    write_seeds()


main()
