"""make_clip_tokenizer.py: writes tests/golden/fixtures/clip_tokenizer: small model folders and what their own classes make of texts.

Python 3.11, open_clip_torch 3.3.0 (ftfy 6.3.1, regex 2026.11.19), transformers 5.24.0, tokenizers 0.23.3, sentencepiece 0.2.3. A byte-level BPE
of 400 merges in CLIP's format and a SentencePiece model of 240 pieces are trained on the made-up captions below. Output:
  list/ pair/ json/    open_clip folders of one vocabulary in its three shapes
  clip/                the same for CLIPTokenizer       siglip/   for SiglipTokenizer
  cleaned.tsv          text, then what open_clip's clean functions lower, whitespace and canonicalize make of it (hexadecimal UTF-8)
  open_clip.tsv clip.tsv siglip.tsv canonicalize.tsv      text in hexadecimal, a tab, the ids of its row
"""
import gzip, io, json, pathlib, shutil, sentencepiece, transformers
from collections import Counter
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer, bytes_to_unicode, get_clean_fn

OUT = pathlib.Path(__file__).resolve().parent / "fixtures" / "clip_tokenizer"
CAPTIONS = [f"a {c} {n} {p} the {w}" for c in ("red", "blue", "small", "old", "striped", "shiny") for n in ("fox", "boat", "house", "dog's bowl",
            "teapot", "lighthouse") for p in ("in", "near", "behind", "on") for w in ("snow", "sea", "mountains", "garden", "café")]
WORDS = """apple arrow basket beach bicycle bird blanket bottle branch bread bridge bright brown bucket butterfly candle castle cat ceiling
chair child circle city cloud coat corner cow crowd curtain dancing dark desert dish door down drawing dress drinking eagle evening face
falling family feather fence field fire fish flag flower flying forest friends frozen glass golden grass green ground guitar hand hanging
hat hill holding horse huge island jacket jumping kitchen ladder lake lamp leaf light little long looking man market meadow mirror moon
morning mouse narrow night ocean orange painting paper park people picture pink plate playing pocket pond purple rabbit rain reading
river road rock roof running sailing sand shadow sheep shirt shoes silver singing sitting sky sleeping smiling smoke soft spoon spring
standing star station stone storm street summer sunset swimming table tall three tower train tree umbrella valley village walking wall
water white wide wild wind window winter woman wooden yellow young 1 2 3 ! ? . , - & naïve früh été снег 雪""".split()
CAPTIONS += [" ".join(WORDS[(7 * i + 31 * k * k) % len(WORDS)] for k in range(6)) for i in range(400)]
TEXTS = [
    "", " ", "A Red FOX in the snow!", "it's a dog's bowl, they'll say I'M 'RE 'VE", "12 boats & 3 houses", "caf\u00e9 cafe\u0301 CAF\u00c9",
    "sch\u00c3\u00b6n \u00e2\u20ac\u0153quoted\u00e2\u20ac\ufffd text", "voil\u00c3 le travail", "\u00e2\u20ac\u2122s \u00c3\u00a2\u00e2\u201a\u00ac\u00e2\u201e\u00a2", "\u0432\u0402\u2122quoted",
    "&lt;b&gt; &amp;amp;amp; P&EACUTE;REZ &notit; &#x27;x&#39; &#128; &#0; &#xD800; &amp", "x < y &amp; z\nnext &amp; line",
    "\u201ccurly\u201d \u2018quotes\u2019 \u02bc", "\ufb02u\ufb03est \u0132 \u01c5", "\uff2c\uff2f\uff35\uff24\u3000\uff8a\uff9f", "\x1b[31mred\x1b[0m \x07bell\x7f \ufeffbom",
    "line\r\nbreak\rand\u2028more\u0085", "\u0130stanbul \u039f\u0394\u039f\u03a3 \u03a3\u03b1\u03a3 \u0391\u03a3.", "\u212a\u0130 '\u017f \u0345 \u00bd\u2167\u24b6\u0663", "tabs\tand   spaces\u00a0\u2003 \x1c",
    "\U0001f600\U0001f44d\U0001f3fd emoji", "\u6f22\u5b57 \ud55c\uad6d\uc5b4 \u0e20\u0e32\u0e29\u0e32 \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u0939\u093f\u0928\u094d\u0926\u0940", "a\u0323\u0301 a\u0301\u0323 \u0301",
    "<start_of_text>x<END_OF_TEXT><end_of_text>y", "x<|endoftext|>y<|STARTOFTEXT|>!! <|startoftext|>", "a </s> b<unk>c</s>", "snake_case_name #tag @at",
    "\u2581low \u2581", "a" * 300, "fox" * 120, "!" * 90, "7" * 20, "Ã" * 40, "\u00e9" * 60, "the mountains near the lighthouse behind the garden " * 5,
]


def learn_merges(count):
    encoder, words = bytes_to_unicode(), Counter()
    for caption in CAPTIONS:
        for word in caption.split():
            letters = [encoder[byte] for byte in word.encode()]
            words[tuple(letters[:-1] + [letters[-1] + "</w>"])] += 1
    merges = []
    while len(merges) < count:
        pairs = Counter()
        for word, times in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += times
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        joined = Counter()
        for word, times in words.items():
            out, i = [], 0
            while i < len(word):
                step = 2 if word[i : i + 2] == best else 1
                out.append("".join(word[i : i + step]))
                i += step
            joined[tuple(out)] += times
        words = joined
    return merges


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=True), encoding="utf-8")


def folder(name, **text_cfg):
    path = OUT / name
    path.mkdir(parents=True)
    if text_cfg:
        write_json(path / "open_clip_config.json", {"model_cfg": {"embed_dim": 8, "text_cfg": text_cfg}, "preprocess_cfg": {}})
    return path


def write_rows(name, rows):
    lines = [text.encode().hex() + "\t" + " ".join(str(int(id)) for id in row) + "\n" for text, row in zip(TEXTS, rows)]
    (OUT / name).write_text("".join(lines), encoding="ascii")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    merges = learn_merges(400)
    listed, pair, as_json = (folder(name, context_length=24, vocab_size=514 + len(merges)) for name in ("list", "pair", "json"))
    lines = "version\n" + "".join(f"{a} {b}\n" for a, b in merges).rstrip("\n")
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as out:
        out.write(lines.encode())
    (listed / "bpe_simple_vocab_16e6.txt.gz").write_bytes(packed.getvalue())
    simple = SimpleTokenizer(bpe_path=str(listed / "bpe_simple_vocab_16e6.txt.gz"), context_length=24)
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    clip = folder("clip")
    for path in (pair, clip):
        write_json(path / "vocab.json", {names.get(piece, piece): id for piece, id in simple.encoder.items()})
        (path / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), encoding="utf-8")
    token = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "__type": "AddedToken"}
    write_json(clip / "tokenizer_config.json",
               {"tokenizer_class": "CLIPTokenizer", "bos_token": {"content": "<|startoftext|>", **token},
                "eos_token": {"content": "<|endoftext|>", **token}, "unk_token": {"content": "<|endoftext|>", **token},
                "pad_token": "<|endoftext|>", "model_max_length": 24})
    theirs = transformers.AutoTokenizer.from_pretrained(str(clip))
    theirs.save_pretrained(str(OUT / "saved"))
    shutil.copy(OUT / "saved" / "tokenizer.json", as_json)
    shutil.rmtree(OUT / "saved")

    siglip = folder("siglip")
    sentences = OUT / "sentences.txt"
    sentences.write_text("\n".join(CAPTIONS), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(input=str(sentences), model_prefix=str(siglip / "spiece"), vocab_size=240, pad_id=0, eos_id=1, unk_id=2,
                                             bos_id=-1, character_coverage=1.0, normalization_rule_name="identity", minloglevel=2, num_threads=1)
    sentences.unlink()
    (siglip / "spiece.vocab").unlink()
    write_json(siglip / "tokenizer_config.json", {"tokenizer_class": "SiglipTokenizer", "model_max_length": 24, "pad_token": "</s>",
                                                  "eos_token": "</s>", "unk_token": "<unk>"})
    write_rows("open_clip.tsv", simple(TEXTS))
    write_rows("clip.tsv", theirs(TEXTS, max_length=24, padding="max_length", truncation=True).input_ids)
    sigmoid = transformers.AutoTokenizer.from_pretrained(str(siglip))
    write_rows("siglip.tsv", sigmoid(TEXTS, max_length=24, padding="max_length", truncation=True).input_ids)
    write_rows("canonicalize.tsv", HFTokenizer(str(siglip), context_length=24, clean="canonicalize")(TEXTS))
    cleaned = ["\t".join(out.encode().hex() for out in (text, *(get_clean_fn(kind)(text) for kind in ("lower", "whitespace", "canonicalize"))))
               for text in TEXTS]
    (OUT / "cleaned.tsv").write_text("\n".join(cleaned) + "\n", encoding="ascii")


main()
