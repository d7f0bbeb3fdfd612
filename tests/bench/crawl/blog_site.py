"""Another site than the one that the crawler was made with: pages as well-known publishing systems write them.

blog_site.py make FOLDER BASE-URL     the pages, and FOLDER/../truth.json: captions a reader would take, of each picture
blog_site.py score TRUTH PAIRS.jsonl  precision and recall, by system; pairs that are wrong
"""
import collections
import html
import json
import os
import random
import sys

PAGES, PICTURES = 12, 3  # pages a system, pictures a page
SUBJECTS = ("an iron bridge|a stone chapel|a brass sextant|a fishing boat|a market stall|a glazed bowl|a wool blanket|a mountain hut|"
            "a tram depot|a botanical drawing|a lighthouse|a cherry orchard|a copper kettle|a marble staircase|a bell tower").split("|")
STATES = "seen from the north|before its restoration|in heavy rain|photographed in 1932|with two visitors|at low tide|after the flood|" \
         "under scaffolding|on a winter morning|lit by lanterns|during the spring fair|beside the canal|next to its maker".split("|")
GERMAN = "Der alte Leuchtturm bei Ebbe|Zwei Wanderer vor der Berghütte|Ein Kessel aus Kupfer auf dem Herd|Die Brücke nach dem Hochwasser".split("|")
JAPANESE = "雪の中の古い灯台と二人の旅人|春祭りの朝に開いた小さな市場の屋台|石造りの礼拝堂を北から見た写真|運河のそばに止まった路面電車".split("|")
random.seed(2026)
counter = iter(range(1 << 30))


def caption():
    number = next(counter)
    if number % 23 == 7:
        return f"{GERMAN[number % len(GERMAN)]} (Aufnahme {number})"
    if number % 23 == 15:
        return f"{JAPANESE[number % len(JAPANESE)]}{number}"
    text = f"{SUBJECTS[number % len(SUBJECTS)]} {STATES[number // 3 % len(STATES)]}, no. {number}"
    return text[0].upper() + text[1:]


truth = {}  # picture: [system, captions]; a picture that stands under several addresses has the one with the wanted size


def note(system, path, *captions):
    truth[BASE + path] = [system, list(captions)]


def wordpress(i):
    c = caption()
    note("wordpress", f"/up/{i}-1024x683.jpg", c)
    return (f'<figure class="wp-block-image size-large"><img loading="lazy" decoding="async" width="1024" height="683" src="/up/{i}-1024x683.jpg" '
            f'alt="" srcset="/up/{i}-1024x683.jpg 1024w, /up/{i}-300x200.jpg 300w, /up/{i}-2048x1366.jpg 2048w" sizes="(max-width: 1024px) 100vw"/>'
            f'<figcaption class="wp-element-caption">{html.escape(c)}</figcaption></figure>')


def wordpress_gallery(i):
    out = ['<figure class="wp-block-gallery has-nested-images">']
    for k in "ab":
        c = caption()
        note("wordpress gallery", f"/up/{i}{k}.jpg", c)
        out.append(f'<figure class="wp-block-image"><a href="/up/{i}{k}.jpg"><img src="/up/{i}{k}-150x150.jpg" alt=""/></a>'
                   f'<figcaption class="wp-element-caption">{c}</figcaption></figure>')
    return "".join(out) + f'<figcaption class="blocks-gallery-caption">All of the walk on day {i}</figcaption></figure>'


def mediawiki(i):
    c = caption()
    note("mediawiki", f"/thumb/{i}.jpg/500px-{i}.jpg", c)
    return (f'<figure class="mw-default-size" typeof="mw:File/Thumb"><a href="/wiki/File:{i}.jpg" class="mw-file-description"><img '
            f'src="/thumb/{i}.jpg/250px-{i}.jpg" decoding="async" width="250" height="188" class="mw-file-element" '
            f'srcset="/thumb/{i}.jpg/375px-{i}.jpg 1.5x, /thumb/{i}.jpg/500px-{i}.jpg 2x"></a><figcaption>{c}</figcaption></figure>')


def mediawiki_gallery(i):
    c = caption()
    note("mediawiki gallery", f"/thumb/g{i}.jpg", c)
    return (f'<ul class="gallery mw-gallery-traditional"><li class="gallerybox" style="width: 155px"><div class="thumb"><span><a '
            f'href="/wiki/File:g{i}.jpg"><img src="/thumb/g{i}.jpg" alt="" width="120" height="90"></a></span></div>'
            f'<div class="gallerytext">{c}</div></li></ul>')


def blogger(i):
    c = caption()
    note("blogger", f"/s1600/{i}.jpg", c)
    return (f'<table align="center" cellpadding="0" class="tr-caption-container"><tbody><tr><td style="text-align: center;"><a '
            f'href="/s1600/{i}.jpg"><img border="0" height="240" src="/s320/{i}.jpg" width="320"></a></td></tr><tr>'
            f'<td class="tr-caption" style="text-align: center;">{c}</td></tr></tbody></table>')


def medium(i):
    c = caption()
    note("medium", f"/max/1100/{i}.jpeg", c)
    sizes = ", ".join(f"/max/{w}/{i}.jpeg {w}w" for w in (640, 720, 1100, 1400))
    return (f'<figure class="mm mn"><div role="button" tabindex="0"><picture><source srcset="{sizes}" sizes="700px" type="image/jpeg">'
            f'<img alt="" class="bg" width="700" height="467" loading="eager"></picture></div><figcaption class="ne nf" '
            f'data-selectable-paragraph="">{c}</figcaption></figure>')


def shop(i):
    c = caption()
    note("shop", f"/cdn/{i}_512x.jpg?v=15", c)
    return (f'<div class="grid__item"><a href="/products/{i}.html"><img class="lazyload" data-src="/cdn/{i}_{{width}}x.jpg?v=15" '
            f'data-widths="[180, 360, 540]" data-sizes="auto" alt="{c}"><noscript><img src="/cdn/{i}_512x.jpg?v=15" alt="{c}"></noscript>'
            f'</a><h3>Item {i}</h3><span class="price">$1{i}.00</span></div>')


def squarespace(i):
    c = caption()
    note("squarespace", f"/static/{i}.jpg", c)
    return (f'<div class="image-block-wrapper"><img data-src="/static/{i}.jpg" data-image="/static/{i}.jpg" data-image-dimensions="1500x1000" '
            f'data-load="false" alt=""></div><div class="image-caption-wrapper"><div class="image-caption"><p>{c}</p></div></div>')


def ghost(i):
    c, alt = caption(), caption()
    note("ghost", f"/content/size/w1600/{i}.jpg", c, alt)
    return (f'<figure class="kg-card kg-image-card kg-card-hascaption"><img src="/content/{i}.jpg" class="kg-image" alt="{alt}" loading="lazy" '
            f'srcset="/content/size/w600/{i}.jpg 600w, /content/size/w1000/{i}.jpg 1000w, /content/size/w1600/{i}.jpg 1600w" '
            f'width="2000" height="1333"><figcaption><span style="white-space: pre-wrap;">{c}</span></figcaption></figure>')


def hugo(i):
    c = caption()
    note("hugo", f"/hugo/{i}.png", c)
    return f'<figure><img loading="lazy" src="/hugo/{i}.png"><figcaption><p>{c}</p></figcaption></figure>'


def lightbox(i):
    c = caption()
    note("lightbox", f"/full/{i}.jpg", c)
    return f'<a href="/full/{i}.jpg" data-lightbox="roll" data-title="{c}"><img src="/small/{i}.jpg" alt=""></a>'


def link_title(i):
    c = caption()
    note("title of a link", f"/full/t{i}.jpg", c)
    return f'<a href="/full/t{i}.jpg" class="fancybox" title="{c}"><img src="/small/t{i}.jpg" alt="thumbnail"></a>'


def gatsby(i):
    c = caption()
    note("gatsby", f"/g/{i}-1500.jpg", c)
    sizes = ", ".join(f"/g/{i}-{w}.jpg {w}w" for w in (375, 750, 1500))
    return (f'<div class="gatsby-image-wrapper"><img aria-hidden="true" src="data:image/jpeg;base64,/9j/4AAQ" alt=""><picture><img width="750" '
            f'height="500" data-main-image="" data-src="/g/{i}-750.jpg" data-srcset="{sizes}" alt="{c}"></picture><noscript><picture><img '
            f'width="750" src="/g/{i}-750.jpg" srcset="{sizes}" alt="{c}"></picture></noscript></div>')


def old(i):
    c = caption()
    note("by hand", f"/pics/{i}.jpg", c)
    return f"<CENTER><IMG SRC=/pics/{i}.jpg WIDTH=400 HEIGHT=300><BR><I>{c}</I></CENTER>"


def markdown(i):
    c = caption()
    note("markdown", f"/md/{i}.png", c)
    return f'<p><img src="/md/{i}.png" alt="{c}" /></p>'


def sphinx(i):
    c = caption()
    note("sphinx", f"/_images/{i}.png", c)
    return (f'<div class="figure align-center" id="id{i}"><img alt="../_images/{i}.png" src="/_images/{i}.png" /><p class="caption">'
            f'<span class="caption-text">{c}</span><a class="headerlink" href="#id{i}" title="Permalink to this image">¶</a></p></div>')


def background(i):
    c = caption()
    note("background", f"/bg/{i}.jpg", c)
    return f'<div class="hero" role="img" aria-label="{c}" style="background-image:url(\'/bg/{i}.jpg\')"></div>'


SYSTEMS = [wordpress, wordpress_gallery, mediawiki, mediawiki_gallery, blogger, medium, shop, squarespace, ghost, hugo, lightbox, link_title,
           gatsby, old, markdown, sphinx, background]


def page_of(system, number, total):
    author = random.choice(("Ann Lee", "Bo Park", "Cy Roth"))
    related = "".join(f'<a href="/p/{n}.html"><img src="/rel/{n}.jpg" width="120" height="80" alt="Ten things to know about day {n}"></a>'
                      for n in random.sample(range(total), 3))
    body = "\n".join(f"<p>It was day {number}. {random.choice(STATES).capitalize()}.</p>\n{system(number * 10 + k)}" for k in range(PICTURES))
    return f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Day {number} – The Long Walk</title>
<meta property="og:image" content="/up/cover.jpg"><link rel="icon" href="/favicon.ico"></head><body>
<header><a href="/"><img src="/logo.svg" alt="The Long Walk home page"></a><img src="/flag-en.png" width="20" alt="Switch to English"></header>
<article><h1>Day {number}</h1><div class="byline"><img class="avatar" src="/people/{author[:3].strip()}.jpg" width="96" height="96" alt="Portrait of {author}"></div>
{body}
<img class="emoji" src="/e/1f642.png" alt="🙂"><img src="/stars-4.png" alt="4 out of 5 stars"><img src="/px.gif?{number}" width="1" height="1"></article>
<aside>{related}<a href="/cart"><img src="/pay.png" alt="We accept all major cards"></a></aside>
<section class="comments"><img src="/grav/{number}.jpg" alt="avatar" width="48"><p>Nice.</p></section>
<nav><a href="/p/{(number + 1) % total}.html">next</a> <a href="/p/{(number * 7 + 3) % total}.html">random</a></nav></body></html>"""


def make(folder):
    total = PAGES * len(SYSTEMS)
    os.makedirs(f"{folder}/p", exist_ok=True)
    for number in range(total):
        with open(f"{folder}/p/{number}.html", "w", encoding="utf-8") as file:
            file.write(page_of(SYSTEMS[number % len(SYSTEMS)], number, total))
    with open(f"{folder}/index.html", "w", encoding="utf-8") as file:
        file.write("<title>The Long Walk</title>" + "".join(f'<a href="/p/{n}.html">Day {n}</a>\n' for n in range(0, total, 5)))
    with open(f"{folder}/../truth.json", "w", encoding="utf-8") as file:
        json.dump(truth, file, ensure_ascii=False)


def score(truth_path, list_path):
    with open(truth_path, encoding="utf-8") as file:
        present = {(url, c): system for url, (system, captions) in json.load(file).items() for c in captions}
    with open(list_path, encoding="utf-8") as file:
        found = [(row["url"], c) for row in map(json.loads, file) for c in row["captions"]]
    right = set(found) & set(present)
    totals, hits = collections.Counter(present.values()), collections.Counter(present[pair] for pair in right)
    for system in totals:
        print(f"{system:20} {hits[system]:4} of {totals[system]}")
    wrong = [pair for pair in found if pair not in present]
    for url, text in wrong[:: max(1, len(wrong) // 10)]:
        print("wrong:", url, text)
    print(f"right / found {len(right)} / {len(found)}: {len(right) / len(found):.3f}; right / present {len(right)} / {len(present)}: "
          f"{len(right) / len(present):.3f}")


if sys.argv[1] == "make":
    BASE = sys.argv[3]
    make(sys.argv[2])
else:
    score(sys.argv[2], sys.argv[3])
