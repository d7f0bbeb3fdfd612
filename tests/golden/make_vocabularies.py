"""Writes tests/golden/fixtures/vocabularies/: small vocabularies of the published kinds and what the reference's own classes make of texts with them.

Made with Python 3.11, sentencepiece 0.2.3, tokenizers 0.23.3 and transformers 5.24.0. The captions and the table of rules are made up here.

pieces.model    unigram, own rules, pad 0, eos 1, unknown 2, a user-defined symbol: read as sentencepiece and as T5Tokenizer with and without its
                extra ids do
bytes.model     unigram with byte fallback, own rules
xlm.model       unigram with sentencepiece's default ids: as XLMRobertaTokenizer; xlm.json is what that saves
merges.model    BPE with byte fallback, user-defined symbols, no dummy prefix: as sentencepiece, GemmaTokenizer and Siglip2Tokenizer
gemma.json      that vocabulary with its merges, as GemmaTokenizer saves it, and as Siglip2Tokenizer reads it; siglip2.json: as that saves it
vocab.txt       WordPiece: as BertTokenizer; bert.json is what that saves
hard.model      unigram pieces of scores by rule, so that most splits are equal but for rounding, unknown characters compete with pieces, and a
                long text's sum passes the place where SentencePiece starts again: as sentencepiece and XLMRobertaTokenizer
plain*.json     BPE without bytes, added tokens of all flags, and the pipeline's less common steps: as the tokenizers package
ids.tsv         file, kind, text in hex, ids
"""
import contextlib, io, itertools, json, pathlib, random, tempfile
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers
import transformers
from transformers.convert_slow_tokenizer import import_protobuf

OUT = pathlib.Path(__file__).resolve().parent / "fixtures" / "vocabularies"
SEEDS = pathlib.Path(__file__).resolve().parents[1] / "fuzz" / "corpus"
RULES = "41\t61\n41 301\t7A\n42\t62\n41 42\t63\n41 42 43\t64 20 64\nE9\t65 301\n65 301\tE9\n9\t20\nA\t20\nD\t20\nA0\t20\n3000\t20\nFB01\t66 69\n2122\t54 4D\n200B\t\n1F\t\n"
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
    "A\u0301\u0301\u0301b A\u0301\u0327 A\u0301", "<unused0>a<unused0>b",
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


def load(cls, files, **options):
    with tempfile.TemporaryDirectory() as folder:
        for name, source in files.items():
            (pathlib.Path(folder) / name).write_bytes((OUT / source).read_bytes())
        return cls.from_pretrained(folder, **options)


def bare(tokenizer):
    return lambda text: tokenizer.encode(text, add_special_tokens=False)


def word_pieces():
    """By rule: the package's trainer does not give the same pieces twice."""
    words = sorted({word for text in captions() for word in bare_words(text)})
    letters = sorted({letter for word in words for letter in word})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters + ["##" + letter for letter in letters]
    pieces += [word for word in words if len(word) > 2][::2] + ["##" + word[-3:] for word in words if len(word) > 4]
    (OUT / "vocab.txt").write_text("".join(text + "\n" for text in dict.fromkeys(pieces)), encoding="utf-8")
    return load(transformers.BertTokenizer, {"vocab.txt": "vocab.txt"})


def bare_words(text):
    return [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normalizers.BertNormalizer().normalize_str(text))]


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


def hard_model():
    """Strings of 0 and 1 whose splits all have the same exact score; unknown characters against pieces; symbols over one another."""
    proto = import_protobuf().ModelProto()
    for text, kind in (("<unk>", 2), ("<s>", 3), ("</s>", 3)):
        proto.pieces.add(piece=text, score=0, type=kind)
    for size in (1, 2, 3, 4):
        for digits in itertools.product("01", repeat=size):
            proto.pieces.add(piece="".join(digits), score=-1.1 * size, type=1)
    for text, score in (("\u2581", -2), ("㋀㋁", -1), ("㋀", -8), ("㋁㋂", -20), ("㋁", -9)):
        proto.pieces.add(piece=text, score=score, type=1)
    for text in ("㊀", "㊁", "㊂", "㊃㊄㊅", "㊀㊁㊂㊃㊄", "㊅"):
        proto.pieces.add(piece=text, score=0, type=4)
    proto.trainer_spec.model_type = 1
    proto.normalizer_spec.name = "identity"
    (OUT / "hard.model").write_bytes(proto.SerializeToString())
    return proto.SerializeToString()


def hard_texts():
    chance = random.Random(23)
    strings = ["".join(chance.choice("01") for _ in range(chance.randrange(5, 60))) for _ in range(60)]
    return strings + ["~" * 3330 + "".join(chance.choice("01") for _ in range(500))] + ["~" * 40 + strings[4], "㋀㋁㋂", "㊀㊁㊂㊃㊄㊅", "㋂㋂ 0 ㋂", " 01 ~~10"]


def plain_tokenizers():
    vocabulary = {text: number for number, text in enumerate(["<u>", "a", "b", "c", "▁", "ab", "bc", "▁a", "abc", "▁ab", "x"])}
    merges = [("b", "c"), ("a", "b"), ("▁", "a"), ("a", "bc"), ("▁a", "b")]
    steps = [(None, pre_tokenizers.Metaspace(prepend_scheme="first")),
             (normalizers.Sequence([normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), "▁")]), pre_tokenizers.Metaspace(prepend_scheme="never", split=False)),
             (normalizers.Sequence([normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Prepend("▁"),
                                    normalizers.Replace(" ", "▁"), normalizers.Lowercase()]), None),
             (normalizers.Lowercase(), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="first", split=False)])),
             (normalizers.Strip(left=True, right=False), pre_tokenizers.Metaspace(prepend_scheme="always", split=False)),
             (None, pre_tokenizers.Metaspace(prepend_scheme="never"))]
    for number, (normalizer, pre_tokenizer) in enumerate(steps):
        made = Tokenizer(models.BPE(vocabulary, merges, unk_token="<u>" if number != 5 else None, fuse_unk=number % 2 == 0, ignore_merges=number == 3))
        if normalizer:
            made.normalizer = normalizer
        if pre_tokenizer:
            made.pre_tokenizer = pre_tokenizer
        made.add_special_tokens([AddedToken("<l>", lstrip=True, normalized=False), AddedToken("<r>", rstrip=True, normalized=False),
                                 AddedToken("<w>", single_word=True, normalized=False), AddedToken("<wider>", normalized=False)])
        made.add_tokens([AddedToken("aX", single_word=True), AddedToken("<N>", lstrip=True, rstrip=True)])
        name = f"plain{number}.json"
        made.save(str(OUT / name), pretty=False)
        yield name, "json", lambda text, made=made: made.encode(text, add_special_tokens=False).ids


PLAIN_TEXTS = ["abc ab  abcab", " a \u3000<l> b\u00a0<l><l>c", "a <r> \t b<r><r> c", "a<w>b <w> é<w> <w>_ -<w>-", "<wider> <wid <w", "aX aXb xaX AX ax", "?? ?a?? b?", "雪?a雪",
               " <N> a<N>  b <n> ", "  ab  ", "ABC", "x", "abc", "▁a", "\t", "a <l>", "<r> a", "a\u2003 b", "<l>", "  <r>  ", "  "]


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
    proto = import_protobuf().ModelProto()
    proto.ParseFromString(merged)
    proto.pieces.add(piece="<unused0>a", score=-1, type=1)  # never made, since symbols do not merge
    merged = proto.SerializeToString()
    (OUT / "merges.model").write_bytes(merged)
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
            ("siglip2.json", "json", bare(siglip2)), ("gemma.json", "json in lower case", bare(load(transformers.Siglip2Tokenizer, {"tokenizer.json": "gemma.json"}))),
            ("merges.model", "gemma", bare(load(transformers.GemmaTokenizer, {"tokenizer.model": "merges.model"}))),
            ("merges.model", "siglip2", bare(load(transformers.Siglip2Tokenizer, {"tokenizer.model": "merges.model"}))),
            ("pieces.model", "t5 without extra ids", bare(load(transformers.T5Tokenizer, {"spiece.model": "pieces.model"}, extra_ids=0, additional_special_tokens=[]))),
            ("vocab.txt", "words", bare(bert)), ("bert.json", "json", bare(bert))]
    hard = sentencepiece.SentencePieceProcessor(model_proto=hard_model())
    hard_xlm = load(transformers.XLMRobertaTokenizer, {"sentencepiece.bpe.model": "hard.model"})
    extra = ["the river bank", "RIVER BANK", "River Bank, a kite", "kites kite", "a  kite!"]
    with open(OUT / "ids.tsv", "w", encoding="ascii") as out:
        own = [("hard.model", "sentencepiece", hard.encode), ("hard.model", "fairseq", bare(hard_xlm))]
        for texts, kept in ((TEXTS + extra, rows), (hard_texts(), own), (PLAIN_TEXTS, list(plain_tokenizers()))):
            for name, kind, encode in kept:
                for text in texts:
                    out.write(f"{name}\t{kind}\t{text.encode().hex()}\t{' '.join(map(str, encode(text)))}\n")
    write_seeds()


main()
