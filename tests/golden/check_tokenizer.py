"""check_tokenizer.py DRIVER SCRATCH: our ids, texts and lengths of real captions against the sentencepiece package.

Captions: those of Debian's tuxpaint-stamps-default in all its languages, and, where the shared data folder lies beside the
checkout, the texts of its shards. Our trainer makes a model from every tenth; the package opens it and must give the same ids
for every text.

Runs such as "111" have cuts of equal score ("1"+"11", "11"+"1"). Versions 0.1.99 to 0.2.1 of the package choose as the library we
link does; 0.2.3 adds scores in another order and now and then chooses the other one. The same ids in another order are therefore
counted as ties, and more than one text in a thousand of them is a failure.
"""
import os, pathlib, subprocess, sys
import sentencepiece
from check_tokenizer_texts import STAMPS, shard_captions, stamp_captions


def run(*arguments):
    done = subprocess.run([str(argument) for argument in arguments], capture_output=True)
    if done.returncode != 0 or done.stderr:
        sys.exit(f"{arguments[1]}: exit {done.returncode}, stderr: {done.stderr.decode('utf-8', 'replace')}")
    return done.stdout.decode("utf-8")


def compare(what, captions, ours, theirs):
    if len(ours) != len(theirs):
        sys.exit(f"{what}: expected {len(theirs)} lines, found {len(ours)}")
    wrong = [i for i in range(len(theirs)) if ours[i] != theirs[i]]
    ties = [i for i in wrong if isinstance(theirs[i], list) and sorted(ours[i]) == sorted(theirs[i])]
    if len(ties) * 1000 <= len(theirs):
        wrong = [i for i in wrong if i not in ties]
    for i in wrong[:10]:
        print(f"{what} of {captions[i]!r}: expected {theirs[i]!r}, found {ours[i]!r}")
    if wrong:
        sys.exit(f"{what}: {len(wrong)} of {len(theirs)} texts differ")
    print(f"{what}: {len(theirs)} texts agree with sentencepiece {sentencepiece.__version__}, {len(ties)} of them up to a tie")


def main():
    driver, scratch = sys.argv[1], pathlib.Path(sys.argv[2])
    captions, seen = [], set()
    for source in (stamp_captions(), shard_captions()):
        before = len(captions)
        for text in source:
            text = text.replace("\n", " ").replace("\0", " ")
            if text and text not in seen:
                seen.add(text)
                captions.append(text)
        print(f"{len(captions) - before} different texts")
    if not captions:
        print("skipped: no captions: neither tuxpaint-stamps-default nor the shared data is here")
        sys.exit(77)
    texts, model = scratch / "captions.txt", scratch / "captions.model"
    texts.write_text("\n".join(captions) + "\n", encoding="utf-8")
    training_texts = scratch / "training.txt"
    training_texts.write_text("\n".join(captions[::10]) + "\n", encoding="utf-8")
    print(run(driver, "train", model, 4096, training_texts).strip())

    reference = sentencepiece.SentencePieceProcessor(model_file=str(model))
    expected = reference.encode(captions)
    ours = run(driver, "encode", model, texts).split("\n")[:-1]
    compare("ids", captions, [[int(word) for word in line.split()] for line in ours], expected)
    texts_back = run(driver, "decode", model, texts).split("\n")[:-1]
    compare("decoded text", captions, texts_back, reference.decode(expected))
    if os.path.isdir(STAMPS) and len(captions) < 5000:
        sys.exit(f"expected at least 5000 captions, found {len(captions)}")


main()
