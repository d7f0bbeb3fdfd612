"""What curves.sh printed as an SVG of recall@10 against queries a second (upper hull of each engine, logarithmic scale) and as a table.
usage: plot.py OUT.svg TITLE LINES.jsonl > table.md     needs nothing"""
import json
import math
import sys

COLOURS = {"twinlens": "#c0392b", "ivfsq8": "#2980b9", "ivfflat": "#16a085", "hnsw": "#8e44ad", "hnswlib": "#d35400", "usearch-f16": "#7f8c8d", "usearch-i8": "#2c3e50", "flat": "#000000", "sqlite-vec": "#27ae60"}
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 460, 70, 40, 150, 50
curves, facts = {}, {}
for line in open(sys.argv[3]):
    entry = json.loads(line)
    engine = entry["engine"]
    if engine == "twinlens" and entry.get("storage") != "f16":
        continue
    fact = facts.setdefault(engine, {})
    if "recall" in entry and entry.get("step", "search") == "search" and not str(entry.get("mode", "")).startswith("cold"):
        curves.setdefault(engine, []).append((entry["recall"], entry["qps_cpu"]))
        fact["memory"] = max(fact.get("memory", 0), entry.get("anon_mib", entry.get("memory_mib", 0)))
    if entry.get("step") == "divide" or "build_cpu_s" in entry:
        fact["build"] = entry.get("cpu_s", entry.get("build_cpu_s"))
    if entry.get("step") == "compact" or "build_cpu_s" in entry:
        fact["bytes"] = entry["bytes"]


def rate_at(curve, recall):
    """Queries a second at a recall: between two settings in proportion of the logarithm, the better where several reach it."""
    best, points = 0, sorted(curve)
    for (low, slow), (high, fast) in zip(points, points[1:]):
        if low < recall <= high:
            part = (recall - low) / (high - low)
            best = max(best, math.exp(math.log(slow) * (1 - part) + math.log(fast) * part))
    return max([best] + [rate for reached, rate in points if reached >= recall])


def x_of(recall):
    """Recall from 0.5 to 0.9995, by its distance from 1."""
    far = math.log(min(0.5, max(5e-4, 1 - recall)))
    return LEFT + (math.log(0.5) - far) / (math.log(0.5) - math.log(5e-4)) * (WIDTH - LEFT - RIGHT)


rates = [rate for curve in curves.values() for recall, rate in curve if recall >= 0.5]
low, high = 10 ** math.floor(math.log10(min(rates))), 10 ** math.ceil(math.log10(max(rates)))


def y_of(rate):
    return TOP + (math.log(high) - math.log(rate)) / (math.log(high) - math.log(low)) * (HEIGHT - TOP - BOTTOM)


out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', f'<text x="{LEFT}" y="22" font-size="15">{sys.argv[2]}</text>']
for recall in (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999):
    out.append(f'<path d="M{x_of(recall):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/><text x="{x_of(recall):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{recall}</text>')
rate = low
while rate <= high:
    out.append(f'<path d="M{LEFT} {y_of(rate):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/><text x="{LEFT - 8}" y="{y_of(rate) + 4:.1f}" text-anchor="end">{rate:,.0f}</text>')
    rate *= 10
out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">recall@10</text><text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">queries a second of one core</text>')
for number, (engine, curve) in enumerate(curves.items()):
    colour = COLOURS.get(engine, "#999")
    points = sorted(point for point in curve if point[0] >= 0.5)
    hull = [p for i, p in enumerate(points) if all(p[1] >= q[1] for q in points[i + 1 :])]
    if hull:
        out.append(f'<path fill="none" stroke="{colour}" stroke-width="{3 if engine == "twinlens" else 1.5}" d="M' + "L".join(f"{x_of(r):.1f} {y_of(q):.1f}" for r, q in hull) + '"/>')
        out += [f'<circle cx="{x_of(r):.1f}" cy="{y_of(q):.1f}" r="3" fill="{colour}"/>' for r, q in hull]
    out.append(f'<rect x="{WIDTH - RIGHT + 14}" y="{TOP + 20 * number}" width="12" height="12" fill="{colour}"/><text x="{WIDTH - RIGHT + 32}" y="{TOP + 20 * number + 11}">{engine}</text>')
with open(sys.argv[1], "w") as file:
    file.write("\n".join(out) + "\n</svg>\n")

print("| engine | at 0.95 | at 0.99 | exact | build, CPU s | memory, MiB | on disk, MB |\n| --- | --- | --- | --- | --- | --- | --- |")
for engine, curve in curves.items():
    fact = facts[engine]
    whole = max((rate for recall, rate in curve if recall >= 0.9995), default=0)
    numbers = [rate_at(curve, 0.95), rate_at(curve, 0.99), whole, fact.get("build", 0), fact["memory"], fact.get("bytes", 0) / 1e6]
    print(f"| {engine} | " + " | ".join("" if not value else f"{value:,.0f}" if value >= 30 else f"{value:.2f}" for value in numbers) + " |")
