"""make_cleanup_tables.py: writes tokenizer/cleanup/html_entities_table.c and tokenizer/cleanup/mojibake_table.c.

Python 3.11 (html.entities.html5 is the HTML standard's table of named references; the single-byte encodings are its codecs) and
ftfy 6.3.1 (which characters its detector of mojibake knows, and as what). Run after a change of either; the output is committed.
"""
import html, html.entities, pathlib, re
from ftfy import badness, chardata

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tokenizer"
HEAD = "/* {}\n * Made by tests/golden/make_cleanup_tables.py; not to be edited. */\n"


def rows(items, width=128):
    line = "   "
    for item in items:
        if len(line) + len(item) + 2 > width:
            yield line
            line = "   "
        line += " " + item + ","
    yield line


def write_entities():
    names = sorted({name.rstrip(";") for name in html.entities.html5}, key=lambda name: name.encode())
    items, capitals = [], []
    for name in names:
        value = html.entities.html5.get(name + ";")
        bare = html.entities.html5.get(name)
        assert value is not None and (bare is None or bare == value) and len(value) <= 2
        points = [ord(c) for c in value] + [0]
        items.append(f'{{"{name}", 0x{points[0]:X}, 0x{points[1]:X}, {1 if bare else 0}}}')
        # ftfy also reads names in capitals; what Python's upper makes of these values is more than one code point
        upper = "&" + name.upper() + ";"
        if name == name.lower() and html.unescape(upper) == upper and len(value) == 1 and len(value.upper()) > 1:
            capitals.append((ord(value), value.upper()))
    text = HEAD.format("The named character references of the HTML standard (section 13.5), sorted by bytes: name, one or two code points,\n"
                       " * whether it is also a reference without its semicolon.")
    text += '#include "tokenizer/cleanup/html_entities_internal.h"\n\n/* clang-format off */\n'
    text += "const tl_html_entity tl_html_entities[] = {\n" + "\n".join(rows(items)) + "\n};\n\n"
    text += f"const size_t tl_html_entity_count = {len(items)};\n\n"
    text += "/* Values that become several letters in upper case. */\nconst tl_html_capital tl_html_capitals[] = {\n"
    text += "\n".join(rows(f"{{0x{point:X}, \"{upper}\"}}" for point, upper in sorted(set(capitals)))) + "\n};\n\n"
    text += f"const size_t tl_html_capital_count = {len(set(capitals))};\n"
    (ROOT / "html_entities_table.c").write_text(text, encoding="utf-8")
    print(len(items), "entities", capitals)


CLASSES = ["common", "c1", "bad", "law", "currency", "start_punctuation", "end_punctuation", "numeric", "kaomoji",
           "upper_accented", "lower_accented", "upper_common", "lower_common", "box"]
CLUES = ["utf8_first_of_2", "utf8_first_of_3", "utf8_first_of_4", "utf8_continuation", "utf8_continuation_strict"]


def write_mojibake():
    patterns = [re.compile("[" + badness.MOJIBAKE_CATEGORIES[name] + "]") for name in CLASSES]
    assert set(badness.MOJIBAKE_CATEGORIES) == set(CLASSES)
    patterns += [re.compile("[" + chardata.UTF8_CLUES[name] + "]") for name in CLUES]
    assert set(chardata.UTF8_CLUES) == set(CLUES)
    ranges = []
    for point in [*range(0x20, 0xD800), *range(0xE000, 0x110000)]:
        mask = sum(1 << bit for bit, pattern in enumerate(patterns) if pattern.match(chr(point)))
        firsts = mask >> len(CLASSES) & 7
        assert firsts & (firsts - 1) == 0, "one lead a character: matching never has to go back"
        if mask == 0:
            continue
        assert point >= 0x80 and point < 0x10000 or point == 0x20
        if ranges and ranges[-1][1] == point - 1 and ranges[-1][2] == mask:
            ranges[-1][1] = point
        else:
            ranges.append([point, point, mask])
    encodings = []
    for encoding in chardata.CHARMAP_ENCODINGS:
        points = [ord(c) for c in bytes(range(0x80, 0x100)).decode(encoding)]
        assert len(set(points)) == 128 and min(points) >= 0x80
        lossy = bytes([0x1A]).decode(encoding) == "\ufffd"
        assert lossy == encoding.startswith("sloppy")
        encodings.append((encoding, points, lossy))
    text = HEAD.format("What characters mean to the detector of mojibake, and the single-byte encodings that it tries.")
    text += '#include "tokenizer/cleanup/mojibake_internal.h"\n\n/* clang-format off */\n'
    text += "const tl_mojibake_range tl_mojibake_ranges[] = {\n"
    text += "\n".join(rows(f"{{0x{a:X}, 0x{b:X}, 0x{m:X}}}" for a, b, m in ranges)) + "\n};\n\n"
    text += f"const size_t tl_mojibake_range_count = {len(ranges)};\n\n"
    text += "/* The characters of bytes 0x80 to 0xFF; where an encoding assigns none, the one of the byte's own number. */\n"
    text += f"const tl_mojibake_encoding tl_mojibake_encodings[] = {{\n"
    for encoding, points, lossy in encodings:
        text += f'    {{"{encoding}", {str(lossy).lower()}, {{\n' + "\n".join("    " + r for r in rows((f"0x{p:X}" for p in points), 120)) + "\n    }},\n"
    text += f"}};\n\nconst size_t tl_mojibake_encoding_count = {len(encodings)};\n"
    (ROOT / "mojibake_table.c").write_text(text, encoding="utf-8")
    print(len(ranges), "ranges")


write_entities()
write_mojibake()
