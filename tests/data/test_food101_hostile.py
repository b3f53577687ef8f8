"""Archives with anything in them: members that would lead elsewhere, damage, bombs, photos that are none."""

import gzip
import json
import re
import tarfile

import numpy as np
import pytest
from data.food_archive import (
    AFTER,
    CLASSES,
    TEST,
    TRAIN,
    colour,
    files_below,
    found,
    get,
    lists,
    member,
    packed,
    photo,
    photos,
)
from data.local_server import Notes, running_server
from PIL import Image

from minibnn.errors import InputError


@pytest.fixture
def server():
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """{path: bytes} below the folder that the archive gives when nothing hostile is in it, but for the stamp."""
    out = tmp_path_factory.mktemp("good") / "food"
    with running_server() as server:
        get(server, out, AFTER, size=8)
    return {path: content for path, content in files_below(out).items() if path != "minibnn-data.json"}


HOSTILE = {
    "..": member("food-101/images/../../../pizza/11.jpg", photo(40)),
    ".. at first": member("../images/pizza/11.jpg", photo(40)),
    ".. as a class": member("food-101/images/../1.jpg", photo(1)),
    "absolute": member("/images/pizza/11.jpg", photo(40)),
    "absolute below": member("/tmp/images/pizza/11.jpg", photo(40)),
    "backslashes": member("food-101\\images\\pizza\\11.jpg", photo(40)),
    "link": member("food-101/images/pizza/11.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "hard link": member("food-101/images/pizza/11.jpg", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "hard link with a size": member("food-101/images/pizza/11.jpg", type=tarfile.LNKTYPE, linkname="x", size=10**9),
    "a link to a folder": member("food-101/images/pizza", type=tarfile.SYMTYPE, linkname="/etc"),
    "device": member("food-101/images/pizza/11.jpg", type=tarfile.CHRTYPE, devmajor=1, devminor=5),
    "pipe": member("food-101/images/pizza/11.jpg", type=tarfile.FIFOTYPE),
    "folder": member("food-101/images/pizza/11.jpg", type=tarfile.DIRTYPE),
    "unknown kind": member("food-101/images/pizza/11.jpg", b"x" * 700, type=b"Q"),
    "unknown class": member("food-101/images/passwd/11.jpg", photo(1)),
    "odd number": member("food-101/images/pizza/11x.jpg", photo(1)),
    "a name of 300 letters": member(f"food-101/images/pizza/{'1' * 300}.jpg", photo(1)),
    "not UTF-8": member("food-101/images/pizza/\udcff\udcfe.jpg", photo(1)),
    "a stamp": member("food-101/minibnn-data.json", b"{}"),
    "a large other file": member("food-101/license_agreement.txt", np.random.default_rng(0).bytes(3_000_000)),
}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_members_pass_by(server, tmp_path, good, name, form):
    (tmp_path / "in").mkdir()
    get(server, tmp_path / "in" / "food", packed(HOSTILE[name], photos(), lists(), form=form), size=8)
    assert found(tmp_path / "in" / "food") == {"train": TRAIN, "test": TEST}
    files = files_below(tmp_path / "in" / "food")
    stamp = json.loads(files.pop("minibnn-data.json"))
    assert files == good
    assert stamp["contents"][0] == len(good)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_of_two_members_of_one_name_the_first_counts(server, tmp_path):
    again = [member("food-101/images/pizza/11.jpg", photo(1)), member("food-101/meta/classes.txt", b"..\n")]
    get(server, tmp_path / "food", packed(photos(), again[0], lists(), again[1]))
    assert found(tmp_path / "food")["train"] == TRAIN


def test_a_class_that_is_listed_twice_counts_once(server, tmp_path):
    twice = lists() | {"food-101/meta/classes.txt": b"pizza\nramen\npizza\nsushi\n"}
    for content in (packed(photos(), twice), packed(twice, photos())):
        get(server, tmp_path / "food", content, replace=True)
        assert list(found(tmp_path / "food")["train"]) == list(CLASSES)


def test_names_that_are_long_or_extended_are_read(server, tmp_path):
    long = {f"food-101-{'x' * 120}/{path.removeprefix('food-101/')}": c for path, c in (photos() | lists()).items()}
    for number, form in enumerate((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        get(server, tmp_path / str(number), packed(long, form=form))
        assert found(tmp_path / str(number))["train"] == TRAIN


def raw_member(name, size_field, kind=b"0"):
    """A .tar.gz with one header whose size field is as given."""
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT))
    header[124:136], header[156:157], header[148:156] = size_field, kind, b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def archive_of(*raw):
    return gzip.compress(b"".join(raw), 1)


PAX_RUBBISH = [
    b"x" * 512,
    b"99999 path=a\n".ljust(512, b"\0"),
    b"0 path=a\n" + b"\0" * 503,
    b"9 size=z\n" + b"\0" * 503,
]
PHOTO = "food-101/images/pizza/11.jpg"
BROKEN = {
    "no lists": (packed(photos()), r"no meta/classes\.txt, train\.txt and test\.txt, so it is not Food-101's; name"),
    "one list missing": (packed(photos(), dict(list(lists().items())[:-2])), r"no meta/classes\.txt"),
    "not UTF-8": (
        packed(photos(), lists() | {"food-101/meta/train.txt": b"\xff"}),
        r"lists are not Food-101's: .*UTF-8 text in meta/train\.txt; .*start byte; name another",
    ),
    "an entry that leaves": (
        packed({"food-101/meta/train.txt": b"../../x/1\n"}, photos(), lists()),
        r"bad entry '../../x/1' in meta/train\.txt.*; name another",
    ),
    "a large list": (packed({"food-101/meta/train.txt": b"x" * (1 << 23)}), "8,388,608 bytes: this is not Food-101"),
    "cut off": (AFTER[:-2000], "the archive is damaged: it ends too early; run the same command again"),
    "cut off in the unpacked": (gzip.compress(gzip.decompress(AFTER)[:-8000]), "damaged: it ends too early"),
    "a changed byte": (AFTER[:3000] + bytes([AFTER[3000] ^ 255]) + AFTER[3001:], "the archive is damaged"),
    "not a tar": (gzip.compress(np.random.default_rng(0).bytes(5000)), "damaged: a header is wrong"),
    "not a gzip": (b"\x1f\x8b" + b"x" * 5000, "the archive is damaged: Error -3"),
    "other bytes": (b"PK" + b"x" * 5000, "expected it to begin with"),
    "rubbish after the end": (AFTER + b"x" * 5000, "the archive is damaged: Error -3"),
    "huge size": (archive_of(raw_member(PHOTO, b"\x80" + (1 << 60).to_bytes(11, "big"))), "it ends too early"),
    "negative size": (archive_of(raw_member(PHOTO, b"\xff" * 12)), "a member of -1 bytes"),
    "huge name": (archive_of(raw_member("x", b"77777777777\0", b"L")), "a name of 8,589,934,591 bytes"),
    "huge extended header": (archive_of(raw_member("x", b"77777777777\0", b"x")), "a name of 8,589,934,591 bytes"),
    "sparse": (archive_of(raw_member(PHOTO, b"00000000000\0", b"S")), "a sparse file"),
    "a bomb": (gzip.compress(raw_member("x", b"77777777777\0") + bytes(60_000_000)), "more than 20 times its size"),
    "a bomb after the end": (gzip.compress(gzip.decompress(AFTER) + bytes(60_000_000)), "more than 20 times its size"),
}
for _n, _rubbish in enumerate(PAX_RUBBISH):
    BROKEN[f"extended header {_n}"] = (
        archive_of(raw_member("x", b"00000000777\0", b"x"), _rubbish, raw_member("y", b"0" * 11 + b"\0"), bytes(1024)),
        "an extended header is wrong",
    )


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_archive_is_told_in_one_line_and_leaves_nothing(server, tmp_path, name):
    content, message = BROKEN[name]
    with pytest.raises(InputError, match=message) as caught:
        get(server, tmp_path / "new" / "food", content)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_zeros_after_the_end_and_several_gzip_members_are_no_damage(server, tmp_path):
    raw = gzip.decompress(AFTER)
    for number, content in enumerate(
        (AFTER + bytes(300_000), gzip.compress(raw[:9999]) + gzip.compress(raw[9999:]), gzip.compress(raw[:-1024]))
    ):
        get(server, tmp_path / str(number), content)
        assert found(tmp_path / str(number))["test"] == TEST


def bomb():
    """A PNG that declares 20,000 x 20,000 pixels, in a few hundred bytes."""
    from struct import pack
    from zlib import compress, crc32

    def chunk(kind, data):
        return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))

    size = chunk(b"IHDR", pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + size + chunk(b"IDAT", compress(bytes(1000))) + chunk(b"IEND", b"")


BAD_PHOTOS = {
    "bomb": (bomb(), "photo too large: expected at most 2,097,152 pixels$"),
    "rather large": (photo(11, size=(1500, 1500)), "photo too large: .* came 1,500 x 1,500$"),
    "truncated": (photo(11, size=(90, 90))[:-60], "damaged photo .image file is truncated"),
    "no photo": (b"no photo", "no photo, or of an unknown format$"),
    "empty": (b"", "no photo, or of an unknown format$"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no photo, or of an unknown format$"),
    "too many bytes": (np.random.default_rng(0).bytes(3_000_000), "3,000,000 bytes, expected at most 2,097,152"),
}


@pytest.mark.parametrize("lists_are", ["first", "last"])
@pytest.mark.parametrize("name", BAD_PHOTOS)
def test_a_bad_photo_is_left_out_and_named(server, tmp_path, name, lists_are):
    bad, message = BAD_PHOTOS[name]
    shown, notes = photos() | {PHOTO: bad}, Notes()
    order = (lists(), shown) if lists_are == "first" else (shown, lists())
    made = get(server, tmp_path / "food", packed(*order), progress=notes)
    assert made["train"] == 8
    assert found(tmp_path / "food") == {"train": TRAIN | {"pizza": [10, 12]}, "test": TEST}
    assert len(notes.lines) == 1
    assert notes.lines[0].startswith("left out: pizza/11: ")
    assert re.search(message, notes.lines[0])


@pytest.mark.parametrize(
    ("mode", "form", "tolerance"), [("L", "JPEG", 255), ("CMYK", "JPEG", 8), ("P", "PNG", 60), ("RGBA", "PNG", 3)]
)
def test_every_mode_becomes_rgb(server, tmp_path, mode, form, tolerance):
    get(server, tmp_path / "food", packed(photos() | {PHOTO: photo(11, mode, form)}, lists()))
    with Image.open(tmp_path / "food" / "images" / "pizza" / "11.jpg") as image:
        assert image.mode == "RGB"
        pixels = np.asarray(image).astype(int)
    assert np.abs(pixels - colour(11)).max() <= tolerance
    assert np.ptp(pixels, axis=2).max() == 0 or mode != "L"


def test_listed_photos_that_are_missing_are_counted(server, tmp_path):
    some = {path: c for path, c in photos().items() if "sushi" not in path or path.endswith("35.jpg")}
    notes = Notes()
    made = get(server, tmp_path / "food", packed(some, lists()), progress=notes)
    assert (made["train"], made["test"]) == (5, 4)
    assert notes.lines[0] == "left out: sushi/30: not in the archive"
    with pytest.raises(InputError, match="the archive has no good photo of ramen; choose other classes with --classes"):
        get(server, tmp_path / "less", packed({p: c for p, c in photos().items() if "ramen" not in p}, lists()))
    get(server, tmp_path / "many", packed(some, lists(), {"food-101/meta/more.txt": b""}), progress=notes)


def test_only_some_of_many_bad_photos_are_named(server, tmp_path):
    notes = Notes()
    some = {path: c if "/10." in path or "/20." in path or "/30." in path else b"" for path, c in photos().items()}
    assert get(server, tmp_path / "food", packed(some, lists()), progress=notes)["train"] == 3
    assert len(notes.lines) == 6
    assert notes.lines[5] == "left out: 6 more"
