"""Writes tokenizer/cleanup/reference_characters.c: what the tokenizers package makes of single characters, found by asking it.

Made with Python 3.11, tokenizers 0.23.3 and sentencepiece 0.2.3. The package's crates carry Unicode tables of several ages, none of which is utf8proc's,
so every code point is put through BertNormalizer, BertPreTokenizer, Lowercase and Precompiled, and the answers are kept as ranges.
"""
import io, pathlib, tempfile, unicodedata
import sentencepiece
from tokenizers import normalizers, pre_tokenizers

OUT = pathlib.Path(__file__).parents[2] / "tokenizer" / "reference_characters.c"
POINTS = [point for point in range(1, 0x110000) if not 0xD800 <= point < 0xE000]


def field(message, wanted):
    """The bytes of a length-delimited field of a protocol buffer."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = varint()
        if tag & 7 == 2:
            size = varint()
            at += size
            if tag >> 3 == wanted:
                return message[at - size:at]
        elif tag & 7 == 0:
            varint()
        else:
            at += 4 if tag & 7 == 5 else 8


def precompiled(points):
    """A normalizer that makes X of each of these characters."""
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder) / "rules.tsv"
        rules.write_text("".join(f"{point:X}\t58\n" for point in points))
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a b c d"] * 10), model_writer=model, vocab_size=10, minloglevel=3,
                                                 hard_vocab_limit=False, model_type="char", normalization_rule_tsv=str(rules))
    return normalizers.Precompiled(field(field(model.getvalue(), 3), 2))


def ranges(points):
    found = []
    for point in points:
        if found and found[-1][1] == point - 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return found


def bert(**chosen):
    steps = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**steps, **chosen}).normalize_str


def main():
    clean, accents, lower = bert(clean_text=True), bert(strip_accents=True), bert(lowercase=True)
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    after_a = precompiled([0x61]).normalize_str
    others = [point for point in POINTS if point < 0x10000 and point not in (0x20, 0x58, 0x61, 0x301, 0x2581)]
    any_but_a = precompiled(others).normalize_str
    tables = {
        "removed": [point for point in POINTS if clean(chr(point)) == ""],
        "marks": [point for point in POINTS if accents(chr(point)) == ""],
        "punctuation": [point for point in POINTS if [part for part, _ in split("a" + chr(point) + "b")] == ["a", chr(point), "b"]],
        "extending": [point for point in POINTS if point > 0x7F and after_a("a" + chr(point)) == "X"],
        "prepended": [point for point in others if any_but_a(chr(point) + "a") == "X"],
        "controls": [point for point in others if len(chr(point).encode()) < 4 and any_but_a(chr(point) + "\u0301") != "X"],
    }
    # Letters whose lower case is younger than Unicode 15, by the distance to it.
    young = [(point, ord(lower(chr(point))) - point) for point in POINTS
             if unicodedata.category(chr(point)) == "Cn" and lower(chr(point)) != chr(point)]
    young += [(point, ord(lower(chr(point))) - point) for point in (0xA7CB, 0xA7DC) if (point, ord(lower(chr(point))) - point) not in young]
    runs = []
    for point, distance in sorted(young):
        if runs and runs[-1][1] == point - 1 and runs[-1][2] == distance:
            runs[-1][1] = point
        else:
            runs.append([point, point, distance])
    with open(OUT, "w", encoding="ascii") as out:
        out.write("/*\n * Characters as the tokenizers package sees them. Written by tests/golden/make_characters.py, which asks the package about each.\n"
                  " */\n#include \"tokenizer/cleanup/reference_characters.h\"\n\n#include <stddef.h>\n\n"
                  "typedef struct character_range {\n    uint32_t first, last;\n} character_range;\n\n")
        for name, points in tables.items():
            out.write(f"static const character_range {name}[] = {{\n")
            out.write(", ".join(f"{{0x{first:X}, 0x{last:X}}}" for first, last in ranges(points)) + ",\n};\n\n")
        out.write("typedef struct lower_range {\n    uint32_t first, last;\n    int32_t distance;\n} lower_range;\n\n"
                  "static const lower_range young_capitals[] = {\n")
        out.write(", ".join(f"{{0x{first:X}, 0x{last:X}, {distance}}}" for first, last, distance in runs) + ",\n};\n\n")
        out.write(TAIL)


TAIL = """static bool is_in(const character_range *ranges, size_t count, uint32_t point)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (point > ranges[middle].last)
            low = middle + 1;
        else if (point < ranges[middle].first)
            high = middle;
        else
            return true;
    }
    return false;
}

bool tl_bert__is_removed(uint32_t point)
{
    return is_in(removed, sizeof removed / sizeof *removed, point);
}

bool tl_bert__is_mark(uint32_t point)
{
    return is_in(marks, sizeof marks / sizeof *marks, point);
}

bool tl_bert__is_punctuation(uint32_t point)
{
    return is_in(punctuation, sizeof punctuation / sizeof *punctuation, point);
}

bool tl_graphemes__is_extending(uint32_t point)
{
    return point > 0x7F && is_in(extending, sizeof extending / sizeof *extending, point);
}

bool tl_graphemes__is_prepended(uint32_t point)
{
    return point > 0x7F && is_in(prepended, sizeof prepended / sizeof *prepended, point);
}

bool tl_graphemes__is_control(uint32_t point)
{
    return is_in(controls, sizeof controls / sizeof *controls, point);
}

uint32_t tl_reference__young_lower(uint32_t point)
{
    for (size_t i = 0; i < sizeof young_capitals / sizeof *young_capitals; i++)
        if (point >= young_capitals[i].first && point <= young_capitals[i].last)
            return (uint32_t)((int32_t)point + young_capitals[i].distance);
    return point;
}
"""


main()
