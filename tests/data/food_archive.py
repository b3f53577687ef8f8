"""Small archives in the layout of Food-101's, and everything that may be wrong with one."""

import gzip
import hashlib
import io
import json
import tarfile

import numpy as np
from data.local_server import Served
from PIL import Image

from minibnn.data import read_food101
from minibnn.data.food101_stream import get_food101
from minibnn.data.sources import RemoteFile

TRAIN = {"pizza": [11, 10, 12], "ramen": [21, 20], "sushi": [30, 31, 32, 33]}
TEST = {"pizza": [13, 14], "ramen": [22], "sushi": [35, 34]}
CLASSES = tuple(TRAIN)


def colour(number):
    """That of the photo with this number: the red channel tells which one it is."""
    return (number * 6, 90, 200 - number * 3)


def photo(number, mode="RGB", form="JPEG", size=(40, 30), **options):
    """The bytes of a photo file."""
    file = io.BytesIO()
    Image.new("RGB", size, colour(number)).convert(mode).save(file, form, quality=95, **options)
    return file.getvalue()


def lists():
    """{path: bytes} of meta."""
    files = {"classes.txt": "\n".join(CLASSES) + "\n", "labels.txt": "\n".join(map(str.capitalize, CLASSES)) + "\n"}
    for split, table in (("train", TRAIN), ("test", TEST)):
        entries = {name: [f"{name}/{number}" for number in numbers] for name, numbers in table.items()}
        files[f"{split}.txt"] = "".join(f"{entry}\n" for of in entries.values() for entry in of)
        files[f"{split}.json"] = json.dumps(entries)
    return {f"food-101/meta/{name}": text.encode() for name, text in files.items()}


def photos():
    """{path: bytes} of images, by name as in the original; noise after the picture keeps gzip from shrinking them."""
    noise = np.random.default_rng(0)
    numbers = {name: sorted(TRAIN[name] + TEST[name]) for name in CLASSES}
    return {f"food-101/images/{name}/{n}.jpg": photo(n) + noise.bytes(600) for name, of in numbers.items() for n in of}


def member(name, content=b"", **changes):
    """(TarInfo, bytes) of a member; `changes` are attributes such as type or linkname, and size for a lie about it."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for attribute, value in changes.items():
        setattr(info, attribute, value)
    return info, content


def packed(*files, form=tarfile.GNU_FORMAT, level=1):
    """A .tar.gz (bytes) of {path: bytes} dicts and `member`s, in this order; nothing is checked."""
    raw = io.BytesIO()
    for part in files:
        for info, content in (member(*item) for item in part.items()) if isinstance(part, dict) else [part]:
            raw.write(info.tobuf(form, "utf-8", "surrogateescape"))
            raw.write(content + b"\0" * (-len(content) % 512))
    return gzip.compress(raw.getvalue() + b"\0" * 1024, level, mtime=0)


def remote(server, content, **changes):
    """RemoteFile of /food on the server."""
    known = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "begins": b"\x1f\x8b"}
    return RemoteFile("food-101.tar.gz", (server.url("/food"),), **(known | changes))


QUICK = {"pauses": (0.01, 0.01), "timeout": 5}
BEFORE = packed(lists(), photos())
AFTER = packed(photos(), lists())


def get(server, out, content, changes=(), **options):
    """`get_food101` of an archive (bytes, or Served) that the server has."""
    served = content if isinstance(content, Served) else Served(content)
    server.files["/food"] = served
    return get_food101(out, remote=remote(server, served.content, **dict(changes)), **(QUICK | options))


def found(out):
    """{split: {class: [number, ...]}} as read back, the numbers told by the colours of the photos."""
    table = {}
    for split in ("train", "test"):
        read = read_food101(out, split, image_size=4)
        numbers = np.rint(read.images[:, 2, 2, 0] / 6).astype(int).tolist()
        table[split] = {name: [] for name in read.class_names}
        for number, label in zip(numbers, read.labels, strict=True):
            table[split][read.class_names[label]].append(number)
    return table


def files_below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
