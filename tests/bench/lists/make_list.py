"""Writes a list as LAION's are: make_list.py ROWS OUT.tsv (url, caption, similarity, punsafe, NSFW; a header; seeded)."""
import random
import sys

WORDS = """a the red fox dog house car street night city beach woman man vintage poster blue green with on in of at and photo
stock image illustration vector wedding dress kitchen modern design wooden table chair mountain lake sunset winter summer
official new free shipping sale leather bag shoes café naïve 東京 girl boy portrait by""".split()

rows, out = int(sys.argv[1]), sys.argv[2]
rng = random.Random(7)
BLOCK = 20_000
block = []
for _ in range(BLOCK):
    caption = " ".join(rng.choices(WORDS, k=rng.randint(3, 18)))
    host = f"img{rng.randint(0, 999)}.example-{rng.choice(WORDS[:14])}.com"
    path = f"/media/{rng.getrandbits(40):x}/{rng.choice(WORDS[:40])}-{rng.getrandbits(24)}"
    block.append((f"https://{host}{path}-", f".jpg\t{caption}\t{rng.uniform(0.1, 0.45):.6f}\t{rng.random() ** 3:.6f}\t"
                  f"{rng.choices(['UNLIKELY', 'UNSURE', 'NSFW', ''], [90, 6, 3, 1])[0]}\n"))
with open(out, "w", encoding="utf-8", newline="") as file:
    file.write("url\tcaption\tsimilarity\tpunsafe\tNSFW\n")
    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        file.write("".join(f"{a}{start + i}{b}" for i, (a, b) in enumerate(block[:count])))
