"""check_clip_tokenizer.py DRIVER SCRATCH: rows of ids of model folders against open_clip's and transformers' own tokenizers.

Folders: CLIP's vocabulary out of open_clip's wheel as vocab.json with merges.txt, as tokenizer.json and as OpenAI's list; SigLIP
over a SentencePiece model trained here, since the published one cannot be had. Each is opened by the dialect's own class.

Texts: captions of Debian's tuxpaint-stamps-default in all its languages and of the shared data beside the checkout, and made ones:
mojibake, HTML references, controls, random Unicode, runs of 10,000 characters. Every difference is a failure, except in a text
with a character that is younger than the tables of either side (Unicode 14 in Python, 15 here, 18 in the regex package); these
are counted.
"""
import html, html.entities, json, pathlib, random, re, shutil, struct, subprocess, sys, unicodedata
import numpy, open_clip, sentencepiece, transformers
from ftfy import badness, chardata
from open_clip.tokenizer import SimpleTokenizer, HFTokenizer, default_bpe
from check_tokenizer_texts import shard_captions, stamp_captions

DRIVER, SCRATCH = sys.argv[1], pathlib.Path(sys.argv[2])
RANDOM = random.Random(20240501)
ASSIGNED = [c for c in range(1, 0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Co", "Cs")]
CLASSES = [*badness.MOJIBAKE_CATEGORIES.values(), *chardata.UTF8_CLUES.values()]
SUSPECT = re.compile("[" + "".join(CLASSES) + "]")
SUSPECTS = [chr(c) for c in range(0x80, 0xD800) if SUSPECT.match(chr(c))]
ODDITIES = ["ΑΣ", "Σ", "ς", "ΟΔΟΣ ", "İ", "ı", "'ſ", "'s ", "'RE", "'ll", "\u0345", "ΐ", "\u212a", "\u0301", "\u0323", ".", "\u00ad",
            "ǅ", "ﬀ", "Ａ", "ｶﾞ", "\u3000", "½", "Ⅷ", "Ⓐ", "٣", "<start_of_text>", "<END_OF_TEXT>", "<|endoftext|>",
            "<|STARTOFTEXT|>", "</s>", " </s> ", "<unk>", "▁", "a", "_", "#", "\x1b[31m", "\r\n", "\x85", "\u2028", "\x0b", "\x1c",
            "\xa0", "\u200b", "\ufeff", "“", "’", "\x7f", "\x9d"]


def mojibake(pool):
    text = RANDOM.choice(pool)
    for _ in range(RANDOM.choice([1, 1, 1, 2, 3])):
        try:
            text = text.encode().decode(RANDOM.choice(chardata.CHARMAP_ENCODINGS))
        except UnicodeDecodeError:
            text = text.encode().decode("latin-1")
    kind = RANDOM.random()
    if kind < 0.15:
        return text.replace("\xa0", " ")
    if kind < 0.25:
        return "".join("\ufffd" if 0x80 <= ord(c) < 0xA0 and RANDOM.random() < 0.5 else c for c in text)
    if kind < 0.4:
        return RANDOM.choice(pool) + " " + text + " " + RANDOM.choice(pool)
    return text[: RANDOM.randrange(len(text) + 1)] if kind < 0.5 else text


def with_references(text):
    for _ in range(3):
        name = "&" + RANDOM.choice(list(html.entities.html5))
        kind = RANDOM.randrange(6)
        name = [name, name.upper(), name.rstrip(";") + RANDOM.choice("abXé;"), html.escape(html.escape(name)),
                f"&#{RANDOM.randrange(0x120000)};", f"&#x{RANDOM.randrange(300):x}{RANDOM.choice(';g')}"][kind]
        place = RANDOM.randrange(len(text) + 1)
        text = text[:place] + name + text[place:]
    return text if RANDOM.random() < 0.9 else "x\n<b>" + text


def random_text(alphabet, longest):
    return "".join(RANDOM.choice(alphabet) for _ in range(RANDOM.randrange(1, longest)))


def made_texts(real, count):
    foreign = [text for text in real if not text.isascii()] + ["“naïve” café – it’s", "l’été à la plage", "50 € £20", "😀 👍🏽", "© ™ …"]
    ascii_signs, every = [chr(c) for c in range(1, 128)], [chr(c) for c in ASSIGNED]
    for _ in range(count):
        yield mojibake(foreign)
        yield mojibake(foreign)
        yield with_references(RANDOM.choice(real))
        yield random_text(ODDITIES, 15)
        yield random_text(ascii_signs, 60)
        yield random_text(SUSPECTS + list("abXY .,!\n") * 8, 25)
        yield random_text(every, 30)
        yield RANDOM.choice(real) + random_text(every, 3) + RANDOM.choice(real).upper()
    whole = "".join(real)
    for _ in range(12):
        place = RANDOM.randrange(max(1, len(whole) - 10000))
        yield whole[place : place + 10000]
    yield from ["a" * 10000, "ab" * 5000, "!" * 10000, "7" * 10000, "漢" * 3000, "😀" * 2500, " " * 10000, "", " ", "'s" * 5000,
                "&" * 10000, "&amp;" * 2000, "a\u0301\u0323" * 3000, "\u0301" * 3000, "Σ" * 3000, "â€™" * 3000, "Ã©" * 3000]


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def folder(name, **text_cfg):
    path = SCRATCH / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    if text_cfg:
        write_json(path / "open_clip_config.json", {"model_cfg": {"embed_dim": 512, "text_cfg": text_cfg}, "preprocess_cfg": {}})
    return path


def write_clip(path):
    source = SimpleTokenizer()
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    write_json(path / "vocab.json", {names.get(piece, piece): id for piece, id in source.encoder.items()})
    merges = sorted(source.bpe_ranks, key=source.bpe_ranks.get)
    (path / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), encoding="utf-8")


def clip_config(path):
    token = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "__type": "AddedToken"}
    write_json(path / "tokenizer_config.json",
               {"tokenizer_class": "CLIPTokenizer", "bos_token": {"content": "<|startoftext|>", **token},
                "eos_token": {"content": "<|endoftext|>", **token}, "unk_token": {"content": "<|endoftext|>", **token},
                "pad_token": "<|endoftext|>", "do_lower_case": True, "model_max_length": 77})


def write_siglip(path, real, name):
    sentences = SCRATCH / "siglip.txt"
    sentences.write_text("\n".join(text.lower() for text in real[::3]), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(sentences), model_prefix=str(path / "spiece"), vocab_size=8000, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        byte_fallback=False, normalization_rule_name="nmt_nfkc", character_coverage=0.999, minloglevel=2, num_threads=2)
    write_json(path / "tokenizer_config.json", {"tokenizer_class": name, "model_max_length": 64, "pad_token": "</s>", "eos_token": "</s>",
                                                "unk_token": "<unk>", "do_lower_case": True})


def is_young(text):
    """Whether a character of the text, or of what it is repaired to, is younger than a table of one side."""
    cleaned = text + open_clip.tokenizer.get_clean_fn("whitespace")(text)
    return any(unicodedata.category(c) == "Cn" for c in cleaned)


def is_old_mark(text):
    """Whether it has marks whose order the tokenizers package, of an older Unicode, does not know."""
    return any(unicodedata.combining(c) for c in text) and any(ord(c) > 0x8D0 and unicodedata.combining(c) for c in text)


def compare(name, path, reference, context, texts, real_count):
    rows = SCRATCH / "rows.bin"
    done = subprocess.run([DRIVER, "rows", str(path), str(context), str(SCRATCH / "texts.bin"), str(rows)], capture_output=True)
    if done.returncode != 0 or done.stderr:
        sys.exit(f"{name}: exit {done.returncode}, stderr: {done.stderr.decode('utf-8', 'replace')}")
    ours = numpy.fromfile(rows, dtype=numpy.int32).reshape(-1, context + 1)[:, :context]
    theirs = numpy.concatenate([numpy.asarray(reference(texts[i : i + 4096])) for i in range(0, len(texts), 4096)])
    wrong = [i for i in numpy.nonzero((ours != theirs).any(axis=1))[0]]
    young = [i for i in wrong if i >= real_count and (is_young(texts[i]) or is_old_mark(texts[i]))]
    print(f"{name}: {len(texts)} texts, {real_count} of them real: {len(wrong)} rows of {context} ids differ, "
          f"{len(young)} of them by characters younger than a table")
    for i in [i for i in wrong if i not in young][:10]:
        print(f"  {texts[i][:200]!r}\n    expected {theirs[i].tolist()[:24]}\n    found    {ours[i].tolist()[:24]}")
    return len(wrong) == len(young)


def main():
    real = []
    for source in (stamp_captions(), shard_captions()):
        real += [text.replace("\0", " ") for text in source if text]
    real = list(dict.fromkeys(real))
    if not real:
        print("skipped: no captions: neither tuxpaint-stamps-default nor the shared data is here")
        sys.exit(77)
    RANDOM.shuffle(real)
    real = real[:20000]
    texts = real + [text.replace("\0", "") for text in made_texts(real, 500)]
    with open(SCRATCH / "texts.bin", "wb") as out:
        for text in texts:
            out.write(struct.pack("=I", len(text.encode())) + text.encode())

    simple = SimpleTokenizer()
    pair, listed, as_json = (folder(name, context_length=77, vocab_size=49408) for name in ("pair", "list", "json"))
    clip, clip_json, siglip = folder("clip"), folder("clip_json"), folder("siglip")
    for path in (pair, clip):
        write_clip(path)
    clip_config(clip)
    shutil.copy(default_bpe(), listed)
    saved = transformers.AutoTokenizer.from_pretrained(str(clip))
    saved.save_pretrained(str(clip_json))
    shutil.copy(clip_json / "tokenizer.json", as_json)
    write_siglip(siglip, real, "SiglipTokenizer")
    siglip_cfg = folder("siglip_cfg", context_length=64, hf_tokenizer_name="siglip", tokenizer_kwargs={"clean": "canonicalize"})
    for file in siglip.iterdir():
        shutil.copy(file, siglip_cfg)
    clip_cfg = folder("clip_cfg", context_length=77, hf_tokenizer_name="clip")
    for file in clip.iterdir():
        shutil.copy(file, clip_cfg)

    def of_class(path, context):
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(path))
        return lambda batch: tokenizer(batch, max_length=context, padding="max_length", truncation=True).input_ids

    runs = [("open_clip SimpleTokenizer, vocab.json and merges.txt", pair, lambda batch: simple(batch), 77),
            ("open_clip SimpleTokenizer, vocab.json and merges.txt", pair, lambda batch: simple(batch, 2048), 2048),
            ("open_clip SimpleTokenizer, tokenizer.json", as_json, lambda batch: simple(batch), 77),
            ("open_clip SimpleTokenizer, bpe_simple_vocab_16e6.txt.gz", listed, lambda batch: simple(batch), 77),
            ("open_clip HFTokenizer over CLIPTokenizer", clip_cfg, HFTokenizer(str(clip), context_length=77), 77),
            ("open_clip HFTokenizer over SiglipTokenizer", siglip_cfg, HFTokenizer(str(siglip), context_length=64, clean="canonicalize"), 64),
            ("transformers CLIPTokenizer, vocab.json and merges.txt", clip, of_class(clip, 77), 77),
            ("transformers CLIPTokenizer, tokenizer.json", clip_json, of_class(clip_json, 77), 77),
            ("transformers SiglipTokenizer", siglip, of_class(siglip, 64), 64)]
    results = [compare(name, path, reference, context, texts, len(real)) for name, path, reference, context in runs]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
