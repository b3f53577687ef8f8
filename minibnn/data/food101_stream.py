"""Food-101 from its archive as it arrives: the photos that were chosen are scaled and kept, the rest passes by.

Which photos belong to a split is said by the lists in the archive's meta folder, and these may come after the photos.
So the choice is made twice. Until the lists are there, every photo of the chosen classes is kept, scaled; when they
are, the first `per_class` photos of each class in each list are the chosen ones, whatever the order of the archive
was, and others are removed. As soon as everything chosen is there, reading stops, unless the archive is to be kept or
its end is near: its checksum covers all of it, and is compared only when all of it was read.

An interrupted run starts anew, since a packed archive has to be read from its beginning; only one that keeps the
archive is continued.
"""

import io
import json
import os
import re
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from minibnn.data.download import blocks
from minibnn.data.finished import is_finished, new_folder
from minibnn.data.food101 import SPLITS, read_lines, read_list
from minibnn.data.image_set import select_classes, whole_number
from minibnn.data.photos import decode_photo, pillow_warnings
from minibnn.data.progress import Silence
from minibnn.data.sources import FOOD101, FOOD101_CLASSES
from minibnn.data.tar_stream import DamagedArchiveError, TarStream
from minibnn.errors import InputError

# A member counts by its name alone, and the name of what is written is made anew: "..", links and devices lead nowhere.
_MEMBER = re.compile(r"(?:\./)?(?:\w[\w.-]*/)?(?:images/(\w+)/(\d{1,20})\.jpg|meta/(\w+)\.txt)", re.ASCII)
LISTS = ("classes", "train", "test")
MOST_PIXELS = 1 << 21  # eight times the largest photo of Food-101, whose longest side is 512
MOST_BYTES = {"photo": 1 << 21, "list": 1 << 22}
WORTH_READING = 1 << 26  # bytes left: a few seconds more for a checksum
QUALITY = {
    "format": "JPEG",
    "quality": 95,
    "subsampling": 0,
}  # as good as 8 bits: small pictures have no detail to lose
WORKERS = min(4, os.cpu_count() or 1)  # Pillow decodes several photos at once, in threads


def get_food101(
    out_dir,
    *,
    classes=None,
    per_class=None,
    size=64,
    keep_archive=False,
    replace=False,
    remote=FOOD101,
    progress=None,
    **network,
):
    """Make a folder in Food-101's layout, of scaled photos, from the archive on the network.

    Args:
        out_dir: the folder to make; it appears when it is complete.
        classes: None for all classes, an int for the first so many, or a sequence of names.
        per_class: at most so many photos of each class in each split, the first ones of its list; None for all.
        size: height and width S of the photos in pixels; JPEG files.
        keep_archive: keep the archive beside `out_dir`; an interrupted call is then continued by the next. An archive
            that is there already is read in place of the network's.
        replace: make the folder anew if an earlier call made it of another choice.
        remote: RemoteFile of the archive.
        progress: Progress, or None to be silent.
        network: `urls`, `pauses`, `timeout` as in `minibnn.data.download.RemoteStream`.

    Returns {"train": int, "test": int, "classes": int, "whole": bool}, the photos and classes in the folder and whether
    all of the archive was read and compared; or None if the folder was there.
    Raises InputError if the choice is not possible, or the archive cannot be fetched, read or kept; InputTypeError for
    an argument of the wrong type.
    """
    size = whole_number("size", size)
    if per_class is not None:
        per_class = whole_number("per_class", per_class, expected="an int, or None for all photos")
    names = select_classes(classes, FOOD101_CLASSES, "Food-101")
    choice = {"classes": classes if classes is None else list(names), "per_class": per_class, "size": size}
    made_from = {"archive": remote.sha256 or list(network.get("urls") or remote.urls), **choice}
    if is_finished(out_dir, made_from, replace):
        return None
    archive = Path(out_dir).absolute().parent / remote.name
    keep = archive if keep_archive or archive.exists() else None
    with new_folder(out_dir, made_from, replace) as draft, pillow_warnings(), _telling_damage(keep):
        stream = blocks(remote, keep=keep, progress=progress, **network)
        photos = _Photos(draft, names, isinstance(classes, Sequence), per_class, size)
        with closing(stream), photos.decoding():
            whole = photos.take_from(TarStream(stream), None if keep else remote.size)
        return photos.finish(progress or Silence()) | {"whole": whole}


@contextmanager
def _telling_damage(keep):
    """What is on disk of an archive (path or None) that turns out to be damaged would spoil the next run too."""
    try:
        yield
    except DamagedArchiveError as error:
        if keep and keep.exists():
            raise InputError(f"{keep}: {error}, after removing this file") from error
        if keep:
            Path(f"{keep}.part").unlink(missing_ok=True)
        raise


class _Photos:
    """What has been kept so far in the folder `draft`, and what is chosen, as soon as that can be known."""

    def __init__(self, draft, names, names_given, per_class, size):
        self.draft, self.names, self.names_given = draft, names, names_given
        self.per_class, self.size = per_class, size
        self.candidates = frozenset(names)
        self.lists = draft / "lists"  # as in the archive; removed in the end
        self.lists.mkdir()
        self.chosen = None  # {split: {class: ["class/id", ...]}}
        self.wanted = None  # set of "class/id", of both splits
        self.seen, self.bad = set(), {}  # "class/id"; "class/id" -> why it was left out
        self.pool, self.pending = None, deque()

    @contextmanager
    def decoding(self):
        """Within it there are threads that decode."""
        with ThreadPoolExecutor(WORKERS) as self.pool:
            yield
            self._settle(0)

    def take_from(self, archive, size):
        """Keep what is wanted of a TarStream of `size` bytes; whether it was read to its end.

        That is so if the end is near when all has come, or if `size` is None.
        """
        for member in archive:
            found = _MEMBER.fullmatch(member.name)
            if found and member.is_file and found[3]:
                self._take_list(found[3], member, archive)
            elif found and member.is_file:
                self._take_photo(found[1], found[2], member, archive)
            is_far = size is not None and size - archive.position > WORTH_READING
            if is_far and self.wanted is not None and self.wanted <= self.seen:
                return False
        archive.finish()
        return True

    def _take_list(self, name, member, archive):
        path = self.lists / f"{name}.txt"
        if name not in (*LISTS, "labels") or path.exists():
            return
        if member.size > MOST_BYTES["list"]:
            raise InputError(f"{member.name} in the archive has {member.size:,} bytes: this is not Food-101")
        path.write_bytes(archive.read())
        if self.wanted is None and all((self.lists / f"{name}.txt").exists() for name in LISTS):
            self._choose()

    def _take_photo(self, class_name, number, member, archive):
        photo = f"{class_name}/{number}"
        if class_name not in self.candidates or photo in self.seen:
            return  # of two members of one name the first counts
        if self.wanted is not None and photo not in self.wanted:
            return
        self.seen.add(photo)
        if member.size > MOST_BYTES["photo"]:
            self.bad[photo] = f"{member.size:,} bytes, expected at most {MOST_BYTES['photo']:,}"
            return
        self.pending.append((photo, self.pool.submit(self._write_photo, photo, archive.read())))
        self._settle(2 * WORKERS)

    def _write_photo(self, photo, content):
        from PIL import Image

        try:
            pixels = decode_photo(io.BytesIO(content), photo, self.size, MOST_PIXELS)
        except InputError as error:
            return _in_short(error.__cause__)
        path = self._path(photo)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, **QUALITY)
        return None

    def _path(self, photo):
        return self.draft / "images" / f"{photo}.jpg"

    def _settle(self, most):
        """Wait until at most so many photos are being decoded, so that no more than these are in memory."""
        while len(self.pending) > most:
            photo, future = self.pending.popleft()
            if (why := future.result()) is not None:
                self.bad[photo] = why

    def _choose(self):
        """The lists are there: know what is wanted."""
        try:
            listed = {split: read_list(self.lists, split) for split in SPLITS}
            order = dict.fromkeys(read_lines(self.lists / "classes.txt"))
        except InputError as error:
            what = str(error).replace(f"{self.lists}{os.sep}", "meta/").rsplit(". ", 1)[0]  # without its mend
            raise InputError(f"the archive's lists are not Food-101's: {what}; name another with --url") from error
        present = [name for name in order if any(name in of for of in listed.values())]
        names = self.names if self.names_given else present[: len(self.names)]
        if odd := [name for name in names if name not in self.candidates or name not in present]:
            raise InputError(
                f"the archive's list of classes is not Food-101's: {odd[0]!r} is at another place; name the classes, "
                "such as --classes pizza,sushi"
            )
        self.names = tuple(names)
        self.chosen = {s: {name: listed[s].get(name, [])[: self.per_class] for name in names} for s in SPLITS}
        self.wanted = {photo for of in self.chosen.values() for photos in of.values() for photo in photos}

    def finish(self, progress):
        """Leave the chosen photos alone, and write their lists; returns the number of photos and classes (dict)."""
        if self.wanted is None:
            raise InputError(
                "the archive has no meta/classes.txt, train.txt and test.txt, so it is not Food-101's; name another "
                "with --url"
            )
        for photo in self.seen - self.wanted - self.bad.keys():
            self._path(photo).unlink()
        bad = {p: self.bad.get(p, "not in the archive") for p in self.wanted if p in self.bad or p not in self.seen}
        for number, (photo, why) in enumerate(sorted(bad.items())):
            if number < 5:
                progress.say(f"left out: {photo}: {why}")
        if len(bad) > 5:
            progress.say(f"left out: {len(bad) - 5} more")
        for of in self.chosen.values():
            of.update({name: [photo for photo in photos if photo not in bad] for name, photos in of.items()})
        if empty := [name for name in self.names if not any(of[name] for of in self.chosen.values())]:
            raise InputError(
                f"the archive has no good photo of {', '.join(empty)}; choose other classes with --classes"
            )
        self._write_lists()
        counts = {split: sum(map(len, of.values())) for split, of in self.chosen.items()}
        return counts | {"classes": len(self.names)}

    def _write_lists(self):
        meta = self.draft / "meta"
        meta.mkdir()
        labels = {name: name.replace("_", " ").capitalize() for name in self.names}
        _write_lines(meta / "classes.txt", self.names)
        _write_lines(meta / "labels.txt", labels.values())
        for split, of in self.chosen.items():
            _write_lines(meta / f"{split}.txt", [photo for photos in of.values() for photo in photos])
            (meta / f"{split}.json").write_text(json.dumps(of), encoding="utf-8")
        for path in self.lists.iterdir():
            path.unlink()
        self.lists.rmdir()


def _in_short(error):
    """What is wrong with a photo that Pillow, or a limit of ours, did not accept."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "no photo, or of an unknown format"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"photo too large: expected at most {MOST_PIXELS:,} pixels"
    return str(error).rstrip(".") if isinstance(error, InputError) else f"damaged photo ({error})"


def _write_lines(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
