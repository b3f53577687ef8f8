"""An archive of 500 MB in Food-101's layout, over a line that breaks ten times: the right photos, in little memory."""

import gzip
import hashlib
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from data.food_archive import member
from data.local_server import Served, running_server
from PIL import Image

from minibnn.data import read_photo
from minibnn.data.sources import FOOD101_CLASSES, RemoteFile

PER_CLASS, TRAIN_PER_CLASS = 100, 75
CHOSEN = ("pizza", "sushi", "waffles", "apple_pie", "hot_dog")

CLIENT = """
import json, resource, sys, time
from minibnn.data.food101_stream import get_food101
from minibnn.data.sources import RemoteFile
remote, out, options = eval(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
began = time.perf_counter()
made = get_food101(out, remote=remote, pauses=(0.01,), **options)
made["seconds"] = time.perf_counter() - began
try:  # the peak of this program alone; ru_maxrss has that of the one that started it too
    with open("/proc/self/status") as status:
        made["peak"] = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
except OSError:
    made["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps(made))
"""


def random_photos(count):
    """JPEG files of about 50 KB, as large in pixels as Food-101's: noise over shapes."""
    rng, files = np.random.default_rng(0), []
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8)).resize(
            (512, 384), Image.Resampling.BICUBIC
        )
        pixels = np.asarray(coarse).astype(np.int16) + rng.normal(0, 10, (384, 512, 1)).astype(np.int16)
        file = io.BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=76)
        files.append(file.getvalue())
    return files


def write_archive(path, photos):
    """Photo i of every class is `photos[i]` or, in the next class, the one after it; the lists come last."""

    def lines(name, numbers):
        return "".join(f"{name}/{number}\n" for number in numbers)

    lists = {"classes.txt": "".join(f"{name}\n" for name in FOOD101_CLASSES)}
    lists["train.txt"] = "".join(lines(name, range(TRAIN_PER_CLASS)) for name in FOOD101_CLASSES)
    lists["test.txt"] = "".join(lines(name, range(TRAIN_PER_CLASS, PER_CLASS)) for name in FOOD101_CLASSES)
    with gzip.open(path, "wb", 1) as file:

        def add(name, content):
            info, _ = member(name, content)
            file.write(info.tobuf() + content + bytes(-len(content) % 512))

        for place, name in enumerate(FOOD101_CLASSES):
            for number in range(PER_CLASS):
                add(f"food-101/images/{name}/{number}.jpg", photos[(place + number) % len(photos)])
        for name, text in lists.items():
            add(f"food-101/meta/{name}", text.encode())
        file.write(bytes(1024))


@pytest.mark.slow
def test_500_megabytes_over_a_line_that_breaks_ten_times(tmp_path):
    photos = random_photos(2 * PER_CLASS)
    archive = tmp_path / "archive"
    write_archive(archive, photos)
    size = archive.stat().st_size
    assert size > 500e6
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    drops = [size * i // 11 + i for i in range(1, 11)]
    with running_server() as server:
        server.files["/food"] = Served(archive, drops=list(drops))
        remote = RemoteFile("food-101.tar.gz", (server.url("/food"),), size, digest, begins=b"\x1f\x8b")
        options = json.dumps({"classes": CHOSEN})
        command = [sys.executable, "-c", CLIENT, repr(remote), str(tmp_path / "food"), options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert server.ranges() == [None, *(f"bytes={drop}-" for drop in drops)]
    made = json.loads(done.stdout)
    speed = size / made["seconds"] / 1e6
    print(f"{size / 1e6:.0f} MB in {made['seconds']:.1f} s: {speed:.0f} MB/s, peak memory {made['peak'] / 1e6:.0f} MB")
    assert made["whole"]
    assert (made["train"], made["test"]) == (5 * TRAIN_PER_CLASS, 5 * (PER_CLASS - TRAIN_PER_CLASS))
    assert made["peak"] <= 100e6
    assert speed > 30  # 100 on a machine that does nothing else
    for name in CHOSEN:
        for number in range(PER_CLASS):
            (tmp_path / "photo.jpg").write_bytes(photos[(FOOD101_CLASSES.index(name) + number) % len(photos)])
            file = io.BytesIO()
            Image.fromarray(read_photo(tmp_path / "photo.jpg", 64)).save(file, "JPEG", quality=95, subsampling=0)
            assert (tmp_path / "food" / "images" / name / f"{number}.jpg").read_bytes() == file.getvalue()
