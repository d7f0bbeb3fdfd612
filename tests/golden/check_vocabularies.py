"""check_vocabularies.py DRIVER SCRATCH: our ids of published kinds of vocabulary against the reference's own classes.

The real files of SigLIP, Gemma, XLM-V and BERT are not here, so vocabularies of their sizes are made: pieces trained on real captions
by the sentencepiece and tokenizers packages, then, where a language's worth of text is missing, filled up with generated ones. Each is
opened by transformers' own class (or by sentencepiece itself), and every id of every text must agree.

Texts: the captions of Debian's tuxpaint-stamps-default in all its languages and of the shared shards, and generated ones: emoji, broken
encodings, control characters, random Unicode, white space of all kinds, special tokens inside text, 10,000-character strings.
"""
import io, itertools, os, pathlib, random, struct, subprocess, sys, time
import sentencepiece
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
import transformers
from transformers.convert_slow_tokenizer import import_protobuf
from check_tokenizer_texts import SETS, shard_captions, stamp_captions

SIGLIP, GEMMA, XLM_V, BERT = 32000, 256000, 900000, 30522


def hostile_texts(captions):
    chance = random.Random(5)
    point = lambda: chr(chance.choice([chance.randrange(1, 0x300), chance.randrange(1, 0xD800), chance.randrange(0xE000, 0x110000),
                                       chance.randrange(0x20, 0x7F), chance.randrange(0x300, 0x370), chance.randrange(0x1F300, 0x1FAFF),
                                       chance.randrange(0x590, 0x700), chance.randrange(0x900, 0xE00), chance.randrange(0x2000, 0x2070)]))
    white = " \t\n\r\x0b\x0c\x85\xa0\u1680\u2003\u2028\u2029\u202f\u3000\u200b\ufeff\u2581"
    special = ["<s>", "</s>", "<pad>", "<unk>", "<mask>", "<bos>", "<eos>", "[CLS]", "[SEP]", "[UNK]", "[MASK]", "<extra_id_7>", "<0x41>",
               "<start_of_turn>", "##", "##ing", "\u2581\u2581", "<unused7>"]
    yield from ("", " ", "  ", "\u2581", "a", " a ", "\u2581a", "\u2581 a", "e\u0301", "A\u0301B", "ﬁ\u0301", "a\r\nb", "\r\n", "x\u200dy", "\u0600a", "\u1100\u1161")
    for mark in (0x301, 0x327, 0x20E3, 0xFE0F, 0x200D, 0x93E, 0x1F3FD, 0xE0067):
        for base in ("a", "é", "½", "ﬁ", "①", "가", "\t", "ｱ", "™"):
            yield f"x {base}{chr(mark)}{chr(mark)} y"
    for _ in range(2500):
        yield "".join(point() for _ in range(chance.randrange(1, 40)))
    for _ in range(1500):
        words = chance.choice(captions).split(" ")
        for _ in range(chance.randrange(1, 4)):
            words.insert(chance.randrange(len(words) + 1), chance.choice(special))
        yield "".join(word + chance.choice(["", chance.choice(white), " ", "  "]) for word in words)
    for text in chance.sample(captions, min(1500, len(captions))):
        yield text.encode("utf-8").decode("cp1252", "replace")  # mojibake
        yield text.upper()
    for unit in ("a", "ab", "x ", " ", "1", "é", "雪", "🦊", "\u2581", "a\u0301", "the cat sat on the mat ", "!", "\u0301"):
        yield (unit * 10000)[:10000]
    yield " ".join(captions)[:10000]
    yield "".join(point() for _ in range(10000))
    yield "".join(chance.choice(captions).replace(" ", "") for _ in range(400))[:10000]


def proto_of(data):
    proto = import_protobuf().ModelProto()
    proto.ParseFromString(data)
    return proto


def train(captions, **options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(captions), model_writer=model, num_threads=2, hard_vocab_limit=False,
                                             minloglevel=3, max_sentence_length=20000, **options)
    return model.getvalue()


def words_of(captions):
    """Endless made-up words: parts of real ones put together."""
    chance = random.Random(11)
    parts = sorted({word[i:i + chance.randrange(1, 6)] for text in captions for word in text.split() for i in (0, len(word) // 2)} - {""})
    while True:
        yield "".join(chance.choice(parts) for _ in range(chance.randrange(1, 4)))


def fill(proto, size, captions, score):
    """Adds generated pieces up to size."""
    seen = {piece.piece for piece in proto.pieces}
    for word in words_of(captions):
        if len(proto.pieces) >= size:
            break
        for text in (word, "\u2581" + word):
            if text not in seen and len(proto.pieces) < size and "\0" not in text and " " not in text:
                seen.add(text)
                proto.pieces.add(piece=text, score=score(len(proto.pieces)), type=1)


def fill_merges(proto, size, captions):
    """Adds joined neighbours of the captions' pieces, then of any, as lower-ranked BPE pieces."""
    chance, processor = random.Random(13), sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    seen = {piece.piece for piece in proto.pieces}
    lowest = min(piece.score for piece in proto.pieces)
    normal = [piece.piece for piece in proto.pieces if piece.type == 1]
    pairs = itertools.chain(((a + b) for pieces in processor.encode(captions, out_type=str) for a, b in zip(pieces, pieces[1:])),
                            (chance.choice(normal) + chance.choice(normal).replace("\u2581", "") for _ in itertools.count()))
    for text in pairs:
        if len(proto.pieces) >= size:
            break
        if text not in seen and "\u2581" not in text[1:] and len(text) < 40 and "<0x" not in text:
            seen.add(text)
            lowest -= 1
            proto.pieces.add(piece=text, score=lowest, type=1)


def merges_of(vocabulary):
    merges = []
    for text, rank in vocabulary.items():
        merges += [(rank, text[:i], text[i:]) for i in range(1, len(text)) if text[:i] in vocabulary and text[i:] in vocabulary]
    merges.sort(key=lambda merge: (merge[0], merge[1], merge[2]))
    return [(left, right) for _, left, right in merges]


def run(*arguments):
    done = subprocess.run([str(argument) for argument in arguments], capture_output=True)
    if done.returncode != 0 or done.stderr:
        sys.exit(f"{arguments[1:4]}: exit {done.returncode}, stderr: {done.stderr.decode('utf-8', 'replace')}")
    return done.stdout


def our_ids(driver, kind, path, texts_file):
    data = run(driver, "encode", kind, path, texts_file)
    numbers, at, rows = struct.unpack(f"<{len(data) // 4}i", data), 0, []
    while at < len(numbers):
        rows.append(list(numbers[at + 1:at + 1 + numbers[at]]))
        at += 1 + numbers[at]
    return rows


failed = []


def compare(what, driver, kind, path, texts, texts_file, encode):
    started = time.perf_counter()
    expected = [encode(text) for text in texts]
    theirs = len(texts) / (time.perf_counter() - started)
    compiled = pathlib.Path(str(path) + ".compiled")
    compiled.unlink(missing_ok=True)
    ours = our_ids(driver, kind, path, texts_file)
    if len(ours) != len(expected):
        sys.exit(f"{what}: expected {len(expected)} texts, found {len(ours)}")
    again = our_ids(driver, kind, path, texts_file)
    if again != ours or not compiled.exists():
        sys.exit(f"{what}: the kept table gives other ids, or is missing")
    wrong = [i for i in range(len(texts)) if ours[i] != expected[i]]
    for i in wrong[:5]:
        place = next((n for n, pair in enumerate(zip(ours[i], expected[i])) if pair[0] != pair[1]), min(len(ours[i]), len(expected[i])))
        print(f"{what}: {texts[i][:120]!r}: at id {place} expected {expected[i][place:place + 8]}, found {ours[i][place:place + 8]}")
    compiled.unlink()
    cold = run(driver, "time", kind, path, texts_file, 0).decode().split(" ms")[0]
    warm = run(driver, "time", kind, path, texts_file, 1).decode().strip()
    print(f"{what}: {len(texts)} texts, {len(wrong)} differ; first opening {cold} ms, then {warm} (reference: {theirs:.0f} texts/s)", flush=True)
    if wrong:
        failed.append(what)


def saved_json(folder, tokenizer):
    tokenizer.save_pretrained(folder)
    return folder / "tokenizer.json"


def bare(tokenizer):
    return lambda text: tokenizer.encode(text, add_special_tokens=False)


def main():
    driver, scratch = sys.argv[1], pathlib.Path(sys.argv[2])
    captions = sorted({text.replace("\0", " ") for text in itertools.chain(stamp_captions(), shard_captions(SETS[1:])) if text})
    if not captions:
        print("skipped: no captions: neither tuxpaint-stamps-default nor the shared data is here")
        sys.exit(77)
    random.Random(3).shuffle(captions)
    texts = captions[:20000] + [text.replace("\0", " ") for text in hostile_texts(captions)]
    texts = [text.encode("utf-8", "ignore").decode("utf-8") for text in texts if text]
    texts_file = scratch / "texts.bin"
    texts_file.write_bytes(b"".join(text.encode() + b"\0" for text in texts))
    print(f"{len(captions[:20000])} captions and {len(texts) - len(captions[:20000])} generated texts; sentencepiece {sentencepiece.__version__}, "
          f"transformers {transformers.__version__}")
    trained = captions[:60000]

    folder = scratch / "siglip"
    folder.mkdir(exist_ok=True)
    spiece = folder / "spiece.model"
    spiece.write_bytes(train(trained, vocab_size=SIGLIP, model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1, character_coverage=0.9995,
                             normalization_rule_name="nmt_nfkc", user_defined_symbols=["<sep>"]))
    library = sentencepiece.SentencePieceProcessor(model_file=str(spiece))
    compare(f"unigram {len(library)}, sentencepiece", driver, "sentencepiece", spiece, texts, texts_file, library.encode)
    t5 = transformers.T5Tokenizer.from_pretrained(folder)
    compare(f"unigram {len(library)}, T5Tokenizer of spiece.model", driver, "t5", spiece, texts, texts_file, bare(t5))
    compare(f"unigram {len(library)}, T5Tokenizer's tokenizer.json", driver, "json", saved_json(scratch / "t5", t5), texts, texts_file, bare(t5))

    fold = folder / "fold.model"
    fold.write_bytes(train(trained[::4], vocab_size=8000, model_type="unigram", byte_fallback=True, normalization_rule_name="nmt_nfkc_cf"))
    library = sentencepiece.SentencePieceProcessor(model_file=str(fold))
    compare(f"unigram {len(library)} with bytes, sentencepiece", driver, "sentencepiece", fold, texts, texts_file, library.encode)

    folder = scratch / "xlm-v"
    folder.mkdir(exist_ok=True)
    base = train(trained, vocab_size=24000, model_type="unigram", character_coverage=0.9995, normalization_rule_name="nmt_nfkc")
    proto, chance = proto_of(base), random.Random(17)
    fill(proto, XLM_V, captions, lambda number: -8 - chance.random() * 12)
    path = folder / "sentencepiece.bpe.model"
    path.write_bytes(proto.SerializeToString())
    library = sentencepiece.SentencePieceProcessor(model_file=str(path))
    compare(f"unigram {len(library)}, sentencepiece", driver, "sentencepiece", path, texts, texts_file, library.encode)
    xlm = transformers.XLMRobertaTokenizer.from_pretrained(folder)
    compare(f"unigram {len(library)}, XLMRobertaTokenizer", driver, "fairseq", path, texts, texts_file, bare(xlm))
    compare(f"unigram {len(library)}, XLMRobertaTokenizer's tokenizer.json", driver, "json", saved_json(scratch / "xlm-json", xlm), texts,
            texts_file, bare(xlm))
    del xlm, library

    folder = scratch / "gemma"
    folder.mkdir(exist_ok=True)
    symbols = ["<unused%d>" % i for i in range(20)] + ["<start_of_turn>", "\n", "\n\n", "\u2581\u2581", "\u2581\u2581\u2581"]
    proto = proto_of(train(trained, vocab_size=16000, model_type="bpe", byte_fallback=True, normalization_rule_name="identity", pad_id=0, eos_id=1,
                           bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>", add_dummy_prefix=False,
                           remove_extra_whitespaces=False, user_defined_symbols=symbols))
    fill_merges(proto, GEMMA, captions)
    path = folder / "tokenizer.model"
    path.write_bytes(proto.SerializeToString())
    library = sentencepiece.SentencePieceProcessor(model_file=str(path))
    compare(f"BPE {len(library)}, sentencepiece", driver, "sentencepiece", path, texts, texts_file, library.encode)
    vocabulary = {piece.piece: number for number, piece in enumerate(proto.pieces)}
    merges = merges_of(vocabulary)
    for name in ("Gemma", "Siglip2"):
        made = getattr(transformers, name + "Tokenizer")(vocab=vocabulary, merges=merges)
        made.add_tokens([transformers.AddedToken(text, normalized=False) for text in symbols])
        compare(f"BPE {len(library)} with {len(merges)} merges, {name}Tokenizer's tokenizer.json", driver, "json",
                saved_json(scratch / name.lower(), made), texts, texts_file, bare(made))
        del made

    folder = scratch / "bert"
    folder.mkdir(exist_ok=True)
    word_pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    word_pieces.normalizer, word_pieces.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    word_pieces.train_from_iterator(trained, trainers.WordPieceTrainer(vocab_size=BERT, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
                                                                      show_progress=False, limit_alphabet=3000))
    pieces = sorted(word_pieces.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(text + "\n" for text, _ in pieces), encoding="utf-8")
    bert = transformers.BertTokenizer.from_pretrained(folder)
    singles = [chr(point) for point in range(1, 0x20000) if not 0xD800 <= point < 0xE000]
    more = texts + ["a" + text + "b" for text in singles[::7]] + ["".join(singles[i:i + 5]) for i in range(0, len(singles), 5)]
    more_file = scratch / "more.bin"
    more_file.write_bytes(b"".join(text.encode() + b"\0" for text in more))
    compare(f"WordPiece {len(pieces)}, BertTokenizer of vocab.txt", driver, "words", folder / "vocab.txt", more, more_file, bare(bert))
    compare(f"WordPiece {len(pieces)}, BertTokenizer's tokenizer.json", driver, "json", saved_json(scratch / "bert-json", bert), more, more_file,
            bare(bert))
    if failed:
        sys.exit(f"ids differ: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
