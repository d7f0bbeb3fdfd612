"""check_metadata.py TWINLENS SCRATCH: what Pillow writes beside pixels, and what it reads back after an import.

Pictures that are made smaller and turned, from and to JPEG, PNG and WebP: with --keep-metadata they have the camera's remarks, an
orientation of 1 and their colour profile (one of them longer than a JPEG's segment), without it none. Pictures that need not change keep
what they have, or lose it with --drop-metadata."""
import io, itertools, json, pathlib, random, shutil, subprocess, sys, tarfile
from PIL import Image, ImageCms
from picture_server import serve

twinlens, scratch = sys.argv[1], pathlib.Path(sys.argv[2]) / "metadata"
shutil.rmtree(scratch, ignore_errors=True)
scratch.mkdir(parents=True)
FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
ORIENTATION, MODEL, SUBFILE, GPS, TAKEN, LATITUDE_SIDE, LATITUDE = 0x112, 0x110, 0x8769, 0x8825, 0x9003, 1, 2


def profile_of(size, space):
    """An sRGB profile with noise behind it up to a size (0: as it is), said to be of another space of colours."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data += random.Random(size).randbytes(max(0, size - len(data)))
    data[0:4] = len(data).to_bytes(4, "big")
    data[16:20] = space
    return bytes(data)


def draw(name, orientation, profile):
    picture = Image.new("RGB", (60, 40))
    picture.putdata([(x * 4, y * 6, 99) for y in range(40) for x in range(60)])
    exif = Image.Exif()
    exif[ORIENTATION], exif[MODEL] = orientation, "Camera 7"
    exif.get_ifd(SUBFILE)[TAKEN] = "2024:05:17 09:30:00"
    exif.get_ifd(GPS).update({LATITUDE_SIDE: "N", LATITUDE: (48.0, 12.0, 30.0)})
    out = io.BytesIO()
    picture.save(out, FORMATS[name], exif=exif, icc_profile=profile)
    return out.getvalue()


SRGB, LONG = profile_of(0, b"RGB "), profile_of(200_000, b"RGB ")
pictures = {f"{name}-{orientation}-{kind}.{name}": (draw(name, orientation, profile), orientation, kind, profile)
            for name, orientation, (kind, profile) in itertools.product(
                FORMATS, (1, 6), (("srgb", SRGB), ("long", LONG), ("grey", profile_of(0, b"GRAY"))))}
site = serve(lambda path: pictures[path.strip("/")][0])
(scratch / "list.txt").write_text("".join(f"{site}/{name}\n" for name in pictures))


def imported(name, *options):
    """Pairs of what was served and what is stored."""
    dataset = scratch / name
    subprocess.run([twinlens, "import", scratch / "list.txt", "-o", dataset, "--allow-private", "--host-rate", "0", *options], check=True,
                   stdout=subprocess.DEVNULL)
    with tarfile.open(dataset / "00000.tar") as shard:
        members = {member.name.split(".")[0]: {} for member in shard}
        for member in shard:
            key, ending = member.name.split(".")
            members[key][ending] = shard.extractfile(member).read()
    assert len(members) == len(pictures)
    for parts in members.values():
        served = json.loads(parts["json"])["url"].rsplit("/", 1)[1]
        (ending,) = set(parts) & set(FORMATS)
        yield served, ending, parts[ending]


def remarks(picture):
    exif = picture.getexif()
    return exif.get(MODEL), exif.get_ifd(SUBFILE).get(TAKEN), exif.get_ifd(GPS).get(LATITUDE)


def check_all(data, size):
    picture = Image.open(io.BytesIO(data))
    picture.load()
    assert picture.size == size, (picture.size, size)
    return picture, remarks(picture)


wanted = "Camera 7", "2024:05:17 09:30:00", (48.0, 12.0, 30.0)
compared = 0
for target in FORMATS:
    for served, ending, data in imported(f"small-{target}", "--resize", "shortest", "--size", "20", "--encode", target, "--keep-metadata"):
        _, orientation, kind, profile = pictures[served]
        picture, found = check_all(data, (20, 30) if orientation == 6 else (30, 20))
        assert ending == target and found == wanted, (served, target, found)
        assert picture.getexif().get(ORIENTATION) == 1, (served, target)
        assert picture.info.get("icc_profile") == (None if kind == "grey" else profile), (served, target)
        compared += 1
for served, ending, data in imported("bare", "--resize", "shortest", "--size", "20"):
    picture, found = check_all(data, (20, 30) if pictures[served][1] == 6 else (30, 20))
    assert found == (None, None, None) and "icc_profile" not in picture.info, served
for served, ending, data in imported("kept", "--keep-metadata"):
    original, orientation, kind, profile = pictures[served]
    assert (data == original) == (orientation == 1), served
    assert check_all(data, (40, 60) if orientation == 6 else (60, 40))[1] == wanted, served
for served, ending, data in imported("dropped", "--drop-metadata"):
    assert check_all(data, (40, 60) if pictures[served][1] == 6 else (60, 40))[1] == (None, None, None), served
print(f"{compared} pictures written again carry their metadata as Pillow reads it")
