"""Photos in the layout of Food-101 (Bossard, Guillaumin and Van Gool, 2014), read into one array.

root/images/<class>/<id>.jpg
root/meta/classes.txt                      one class per line, in the order of the labels
root/meta/train.txt, test.txt              one <class>/<id> per line
root/meta/train.json, test.json            the same as {"<class>": ["<class>/<id>", ...]}
"""

import json
import os
import stat
from importlib import metadata

import numpy as np

from minibnn.data.cache import cached_array
from minibnn.data.image_set import ImageSet, select_classes, whole_number
from minibnn.data.photos import as_path, read_photo
from minibnn.errors import InputError
from minibnn.files import readable

SPLITS = ("train", "test")


def read_food101(root, split="train", *, image_size=64, classes=None, per_class=None, progress=False, cache=False):
    """Read one split of a folder in Food-101's layout, complete or in part.

    A class counts as present when it is named in meta/classes.txt, has a folder in images, and has photos in at least
    one of the two splits. So both splits of a folder give the same labels, also where only some classes were copied.

    Args:
        root: the folder that holds `images` and `meta`.
        split: "train" or "test".
        image_size: height and width S of the result in pixels.
        classes: None for all classes present, an int for the first so many of them in the order of meta/classes.txt,
            or a sequence of names as in meta/classes.txt.
        per_class: at most so many photos of each class, the first ones of the list; None for all.
        progress: show a tqdm bar.
        cache: keep the decoded photos in `minibnn.data.cache.cache_folder()`, as one array, and map it from there the
            next time, unless a photo or an argument has changed (a photo's size or time tells). Where that folder
            cannot be written, a CacheWarning says so.

    Returns:
        ImageSet with images uint8 (B, S, S, 3), in the order of the selected classes and within a class of the list.
        A label is a position in that selection.

    Raises:
        InputError: the folder or a part of it is missing or malformed, a class is unknown or has no photos here, a
            listed photo is missing or damaged, a file or folder must not be read, or an argument is out of range.
        InputTypeError: an argument has the wrong type.
    """
    if split not in SPLITS:
        raise InputError(f"split must be 'train' or 'test'; came {split!r}.")
    image_size = whole_number("image_size", image_size)
    if per_class is not None:
        per_class = whole_number("per_class", per_class, expected="an int, or None for all photos")
    with readable(root):
        names, paths, labels, states = _choose_photos(_find_root(root), split, classes, per_class)

    def decoded():
        images = np.empty((len(paths), image_size, image_size, 3), np.uint8)
        for place, path in enumerate(_with_bar(paths, split) if progress else paths):
            images[place] = read_photo(path, image_size)
        return images

    if not cache:
        return ImageSet(decoded(), labels, names)
    source = [metadata.version("pillow"), image_size, os.path.abspath(root), paths, states]
    return ImageSet(cached_array("photos", source, decoded), labels, names)


def _find_root(root):
    root = as_path("root", root)
    if not root.is_dir():
        came = "a file" if root.exists() else "nothing"
        raise InputError(f"folder missing: expected Food-101's folder at {root}; found {came} there. Check the path.")
    for part in ("meta", "images"):
        if (root / part).is_dir():
            continue
        inner = next((folder for folder in sorted(root.glob("*")) if (folder / part).is_dir()), None)
        mend = f"Did you mean {inner}?" if inner else "Name the folder that the archive unpacks to."
        raise InputError(f"no folder {part!r} in {root}: expected images and meta side by side. {mend}")
    return root


def _choose_photos(root, split, classes, per_class):
    """Return the names of the classes, the paths of the photos, their labels, int64 (B,), and their states."""
    photos, present, named = _read_meta(root, split)
    _check_named(classes, present, named, root)
    names = select_classes(classes, present, str(root))
    chosen = [photos.get(name, [])[:per_class] for name in names]
    images = os.path.join(root, "images")
    paths = [f"{images}/{photo}.jpg" for photos_of_class in chosen for photo in photos_of_class]
    states = _check_photos(paths, root, split)
    labels = np.repeat(np.arange(len(names), dtype=np.int64), [len(photos_of_class) for photos_of_class in chosen])
    return names, paths, labels, states


def _read_meta(root, split):
    """Return the photos of one split, {class: ["class/id", ...]}, the classes present in any, and all classes named."""
    meta = root / "meta"
    lists = {name: read_list(meta, name) for name in SPLITS}
    photos = lists[split]
    if photos is None:
        raise InputError(f"no list of the {split} photos: expected {split}.txt or {split}.json in {meta}. Restore it.")
    listed = {name for photos_of_class in lists.values() for name in photos_of_class or ()}
    order = read_lines(meta / "classes.txt") if (meta / "classes.txt").exists() else sorted(listed)
    for name in order:
        check_parts(name, 1, meta / "classes.txt")
    if len(set(order)) < len(order):
        twice = next(name for name in order if order.count(name) > 1)
        raise InputError(f"class {twice!r} occurs twice in {meta / 'classes.txt'}: leave one of the lines.")
    present = [name for name in order if name in listed and (root / "images" / name).is_dir()]
    if not present:
        raise InputError(
            f"no class to read in {root}: none of the {len(order)} classes of meta has both a folder in images and "
            "an entry in a list. Unpack the photos into images/<class>/<id>.jpg."
        )
    return photos, present, order


def read_list(meta, split):
    """Return {class: ["class/id", ...]} of a split in the order of its file, or None where there is no file."""
    text, fallback = meta / f"{split}.txt", meta / f"{split}.json"
    if text.exists():
        path, entries = text, read_lines(text)
    elif fallback.exists():
        path, entries = fallback, _read_json(fallback)
    else:
        return None
    photos = {}
    for entry in entries:
        name, _ = check_parts(entry, 2, path)
        photos.setdefault(name, {})[entry] = None  # a dict, so that a repeated line gives one photo
    return {name: list(entries_of_class) for name, entries_of_class in photos.items()}


def read_lines(path):
    """The lines of a UTF-8 file (list of str) without the space around them and without empty ones."""
    lines = (line.strip() for line in _read_text(path).splitlines())
    return [line for line in lines if line]


def _read_json(path):
    expected = f'expected {{"<class>": ["<class>/<id>", ...], ...}} in {path}'
    try:
        table = json.loads(_read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{expected}; came text that is not JSON: {error}. Restore the file.") from error
    if not isinstance(table, dict) or not all(isinstance(entries, list) for entries in table.values()):
        raise InputError(f"{expected}; came another structure. Restore the file.")
    return [entry for entries in table.values() for entry in entries]


def _read_text(path):
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"unreadable list: expected UTF-8 text in {path}; came: {error}. Restore the file.") from error


def check_parts(entry, count, path):
    """Split a name from meta at "/" and refuse whatever could lead out of the images folder."""
    form = ("<class>", "<class>/<id>")[count - 1]
    parts = entry.split("/") if isinstance(entry, str) else ()
    if len(parts) != count or any(part in ("", ".", "..") or set(part) & set("\\:\0") for part in parts):
        raise InputError(
            f"bad entry {entry!r} in {path}: expected {form}, plain names inside the images folder. "
            "Correct the line or take it out."
        )
    return parts


def _check_named(classes, present, named, root):
    """Say more than "unknown class" of a class that meta knows and the images folder does not hold."""
    for name in classes if isinstance(classes, list | tuple) else ():
        if name in named and name not in present:
            raise InputError(
                f"class {name!r} has no photos here: expected a folder {root / 'images' / name} and entries in meta. "
                f"Unpack it, or choose among those that are here: {', '.join(present)}."
            )


def _check_photos(paths, root, split):
    """Raise before the slow part when photos are missing, not amid it; else return [bytes, time in ns] of each."""
    if not paths:
        raise InputError(f"no {split} photos of the selected classes in {root}: check meta/{split}.txt or the classes.")
    states = [_state(path) for path in paths]
    missing = [path for path, state in zip(paths, states, strict=True) if state is None]
    if missing:
        raise InputError(
            f"listed photo missing: expected {missing[0]}, named in the {split} list ({len(missing)} of {len(paths)} "
            f"photos are missing). Unpack the archive again, or take the missing ones out of meta/{split}.txt."
        )
    return states


def _state(path):
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return [found.st_size, found.st_mtime_ns] if stat.S_ISREG(found.st_mode) else None


def _with_bar(paths, split):
    from tqdm import tqdm

    return tqdm(paths, desc=f"reading {split} photos", unit="photo")
