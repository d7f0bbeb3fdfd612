"""Writes tests/golden/fixtures/tokenizer/: small SentencePiece models and what the reference package makes of texts with them.

Made with Python 3.11 and sentencepiece 0.2.3. The captions are made up here, by rule, and belong to the project.

captions.model  unigram, nmt_nfkc_cf, byte fallback, pad 0, unknown 1, bos 2, eos 3: as our trainer makes them
bare.model      unigram, no normalization, no byte fallback, no pad, bos or eos
merges.model    BPE, user-defined symbols, no normalization
ids.tsv         model, text in hex, ids, decoded text in hex

And the seeds of tests/fuzz/corpus/tokenizer/: a first byte 0 and a model, or a first byte 1 and a text.
"""
import contextlib, io, itertools, pathlib, tempfile
import sentencepiece

OUT = pathlib.Path(__file__).parent / "fixtures" / "tokenizer"
SEEDS = pathlib.Path(__file__).parents[1] / "fuzz" / "corpus" / "tokenizer"
RULES = "41\t61\n42\t62\n41 42\t63\n41 42 43\t64 20 64\nE9\t65 301\n2581\t20\n"  # code points in hex: from, to
ADJECTIVES = "red green blue small big old wooden striped shiny sleeping round dark".split()
THINGS = "fox boat apple kite lamp cat tree car shoe bear house cloud".split()
PLACES = "in the snow;on a table;under water;at night;near the river;on the beach".split(";")
OTHERS = ["ein roter Fuchs im Schnee", "un petit chat noir sous la table", "una barca azul en la playa", "красная лиса в снегу",
          "синяя лодка у реки", "雪の中の赤い狐", "海辺の青い舟", "tiếng Việt có dấu", "κόκκινη αλεπού", "눈 속의 여우"]
TEXTS = [
    "", " ", "   \t ", "a red fox", "A RED Fox", "  a   red\tfox  ", "a\nred\r\nfox", "the big old boat, at night!", "fox-trot: 12.5%",
    "x" * 200, "a red fox " * 20, "snow" * 30, "unseenword", "1234567890", "don't", "e.g. \"quoted\" (text)",
    "🦊", "a 🦊 in the snow ❄️", "👩‍👩‍👧‍👦 family", "🇫🇷 flag", "🏽", "雪の中の赤い狐", "赤い 狐", "漢字", "눈 속의 여우", "𠮷野家",
    "e\u0301cole", "école", "ÉCOLE", "a\u0308\u0323\u0301 stack", "n\u0303andu", "ﬁre ﬂy", "ＦＵＬＬ　ｗｉｄｔｈ　１２３", "ｶﾀｶﾅ", "①②③", "ﷺ", "Straße",
    "STRASSE", "İstanbul", "ΑΛΕΠΟΎΣ", "красная ЛИСА", "tiếng Việt", "\u200bzero\u200bwidth\u200d", "soft\u00adhyphen", "nb\u00a0space",
    "\u3000ideographic\u3000", "\u2028line\u2029", "\ufeffbom", "bell\x07 esc\x1b[0m", "\x01\x02\x7f\x80\x9f", "\ufffd", "▁under▁score▁", "▅",
    "<s>", "</s> <pad> <unk>", "<0x41>", "a<sep>b", "<sep><sep>", "مرحبا بالعالم", "שלום", "नमस्ते दुनिया", "ก็ได้", "\U0010fffd", "Å Å", "½ km²", "½½½",
]


def captions():
    for number, (adjective, thing, place) in enumerate(itertools.product(ADJECTIVES, THINGS, PLACES)):
        yield f"a {adjective} {thing} {place}" if number % 3 else f"{number} {adjective} {thing}s {place}."
    for _ in range(5):
        yield from OTHERS


def train(name, **options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=captions(), model_writer=model, num_threads=1, hard_vocab_limit=False,
                                             minloglevel=3, **options)
    (OUT / name).write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def write_seeds():
    SEEDS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        pathlib.Path("rules.tsv").write_text(RULES)
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["ABC abc", "AB é fox", "a red fox"]), model_writer=model,
                                                 vocab_size=40, hard_vocab_limit=False, normalization_rule_tsv="rules.tsv", num_threads=1,
                                                 self_test_sample_size=2, user_defined_symbols=["fo", "fox"], minloglevel=3)
    (SEEDS / "rules").write_bytes(b"\0" + model.getvalue())
    for kind in ("word", "char"):
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a red fox", "the red boat"]), model_writer=model, vocab_size=20,
                                                 model_type=kind, hard_vocab_limit=False, normalization_rule_name="identity",
                                                 num_threads=1, minloglevel=3, use_all_vocab=kind == "word")
        (SEEDS / kind).write_bytes(b"\0" + model.getvalue())
    for name in ("bare", "merges"):
        (SEEDS / name).write_bytes(b"\0" + (OUT / (name + ".model")).read_bytes())
    (SEEDS / "text").write_bytes(b"\1" + "A ﬁre 🦊 e\u0301 ＦＯＸ 雪 <s> ▁".encode())
    (SEEDS / "plain").write_bytes(b"\1a red fox in the snow")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    special = dict(pad_id=0, unk_id=1, bos_id=2, eos_id=3)
    models = {
        "captions.model": train("captions.model", vocab_size=700, model_type="unigram", byte_fallback=True, character_coverage=0.9995,
                                normalization_rule_name="nmt_nfkc_cf", **special),
        "bare.model": train("bare.model", vocab_size=300, model_type="unigram", normalization_rule_name="identity", unk_id=0, bos_id=-1,
                            eos_id=-1, pad_id=-1),
        "merges.model": train("merges.model", vocab_size=480, model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
                              user_defined_symbols=["<sep>", "fox", "fo"], **special),
    }
    with open(OUT / "ids.tsv", "w", encoding="ascii") as rows:
        for name, model in models.items():
            for text in TEXTS:
                ids = model.encode(text)
                rows.write(f"{name}\t{text.encode().hex()}\t{' '.join(map(str, ids))}\t{model.decode(ids).encode().hex()}\n")
    write_seeds()


main()
