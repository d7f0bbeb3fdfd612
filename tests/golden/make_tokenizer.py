"""Writes tests/golden/fixtures/tokenizer/: small SentencePiece models and what the reference package makes of texts with them.

Made with Python 3.11 and sentencepiece 0.2.3. The captions are made up here, by rule, and belong to the project.

captions.model  unigram, nmt_nfkc_cf, byte fallback, pad 0, unknown 1, bos 2, eos 3: as our trainer makes them
bare.model      unigram, no normalization, no byte fallback, no pad, bos or eos
merges.model    BPE, user-defined symbols, no normalization
ids.tsv         model, text in hex, ids, decoded text in hex
"""
import io, itertools, pathlib
import sentencepiece

OUT = pathlib.Path(__file__).parent / "fixtures" / "tokenizer"
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


main()
