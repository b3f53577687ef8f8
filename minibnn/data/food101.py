"""Photos in the layout of Food-101 (Bossard, Guillaumin and Van Gool, 2014), read into one array.

root/images/<class>/<id>.jpg
root/meta/classes.txt                      one class per line, in the order of the labels
root/meta/train.txt, test.txt              one <class>/<id> per line
root/meta/train.json, test.json            the same as {"<class>": ["<class>/<id>", ...]}
"""

import json
import os
import warnings
from pathlib import Path

import numpy as np

from minibnn.data.image_set import ImageSet, select_classes, whole_number
from minibnn.errors import InputError, InputTypeError
from minibnn.files import cannot_read, readable

SPLITS = ("train", "test")

# Only formats that Pillow decodes by itself: it would hand a PostScript file named .jpg to Ghostscript.
PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")

EXIF_ORIENTATION = 0x0112
EXIF_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def read_food101(root, split="train", *, image_size=64, classes=None, per_class=None, progress=False):
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
        names, paths, labels = _choose_photos(_find_root(root), split, classes, per_class)
    images = np.empty((len(paths), image_size, image_size, 3), np.uint8)
    for place, path in enumerate(_with_bar(paths, split) if progress else paths):
        images[place] = read_photo(path, image_size)
    return ImageSet(images, labels, names)


def read_photo(path, image_size):
    """Read one photo of any size and mode as a square RGB picture.

    The photo is turned as its EXIF says, transparency becomes white, 16-bit grey becomes 8-bit, the longer side is
    cropped evenly at both ends, and the square is scaled with a Lanczos filter. An animation gives its first frame.

    Args:
        path: a JPEG, PNG, WebP, GIF, BMP, TIFF or PPM file.
        image_size: height and width S of the result in pixels.

    Returns:
        uint8 (S, S, 3).

    Raises:
        InputError: the file is missing, must not be read, is no photo, is damaged, or is too large to be opened safely.
        InputTypeError: `path` is not a path or `image_size` not an integer.
    """
    from PIL import Image  # imported here, so that `import minibnn` stays fast

    path, image_size = _as_path("path", path), whole_number("image_size", image_size)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a flaw beside the pixels, such as in the EXIF block, does not matter here
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=PHOTO_FORMATS) as image:
                return _square(image, image_size)
    except FileNotFoundError as error:
        raise InputError(f"photo missing: expected a file at {path}. Check the path.") from error
    except PermissionError as error:
        raise cannot_read(path, error) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(
            f"photo too large: expected at most {Image.MAX_IMAGE_PIXELS:,} pixels; came more, in {path}. Such a file "
            "can fill the memory; scale it down, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it."
        ) from error
    except InputError as error:
        raise InputError(f"{error} The file is {path}.") from error
    except Exception as error:  # a damaged file makes Pillow's decoders raise nearly anything
        raise InputError(
            f"unreadable photo: expected a complete {', '.join(PHOTO_FORMATS)} file; came {path}, "
            f"where Pillow says: {error}. Fetch or unpack this file again, or take it out of the list."
        ) from error


def _square(image, size):
    """Turn, convert, crop and scale an opened Pillow image to uint8 (size, size, 3)."""
    from PIL import Image

    image.draft(None, (3 * size, 3 * size))  # a JPEG decodes at 1/2, 1/4 or 1/8 directly; 3 keeps the filter's quality
    image.load()
    turn = _exif_turn(image)
    image = _to_rgb(image)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side))  # apart from scaling: nothing outside may bleed in
    image = image.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
    if turn:
        image = image.transpose(Image.Transpose[turn])  # last: the central square stays central, and is small by now
    return np.array(image)  # a copy: the buffer of Pillow is read-only


def _exif_turn(image):
    try:
        return EXIF_TURNS.get(image.getexif().get(EXIF_ORIENTATION))
    except Exception:  # the pixels are good, whatever Pillow finds wrong with the EXIF block
        return None


def _to_rgb(image):
    """Convert any mode of Pillow to RGB; plain convert("RGB") would clip 16-bit grey and uncover hidden pixels."""
    from PIL import Image

    if image.mode == "F":
        raise InputError(
            "photo of floating-point values: expected 8 or 16 bits per channel; came mode F, whose white is not "
            "defined. Save it with 8 bits per channel."
        )
    if image.mode.startswith("I"):  # 16 bits of grey; some versions of Pillow keep them in a 32-bit "I"
        grey = np.clip(np.asarray(image), 0, 65535) // 257  # 65535 = 255 * 257, so white stays white
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    return image.convert("RGB")


def _as_path(name, value):
    try:
        return Path(os.fspath(value))
    except TypeError:
        raise InputTypeError(f"{name} must be a str or a path; came {value!r} ({type(value).__name__}).") from None


def _find_root(root):
    root = _as_path("root", root)
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
    """Return the names of the classes, the paths of the photos, and the label of each photo, int64 (B,)."""
    photos, present, named = _read_meta(root, split)
    _check_named(classes, present, named, root)
    names = select_classes(classes, present, str(root))
    chosen = [photos.get(name, [])[:per_class] for name in names]
    paths = [root / "images" / f"{photo}.jpg" for photos_of_class in chosen for photo in photos_of_class]
    _check_photos(paths, root, split)
    labels = np.repeat(np.arange(len(names), dtype=np.int64), [len(photos_of_class) for photos_of_class in chosen])
    return names, paths, labels


def _read_meta(root, split):
    """Return the photos of one split, {class: ["class/id", ...]}, the classes present in any, and all classes named."""
    meta = root / "meta"
    lists = {name: _read_list(meta, name) for name in SPLITS}
    photos = lists[split]
    if photos is None:
        raise InputError(f"no list of the {split} photos: expected {split}.txt or {split}.json in {meta}. Restore it.")
    listed = {name for photos_of_class in lists.values() for name in photos_of_class or ()}
    order = _read_lines(meta / "classes.txt") if (meta / "classes.txt").exists() else sorted(listed)
    for name in order:
        _check_parts(name, 1, meta / "classes.txt")
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


def _read_list(meta, split):
    """Return {class: ["class/id", ...]} of a split in the order of its file, or None where there is no file."""
    text, fallback = meta / f"{split}.txt", meta / f"{split}.json"
    if text.exists():
        path, entries = text, _read_lines(text)
    elif fallback.exists():
        path, entries = fallback, _read_json(fallback)
    else:
        return None
    photos = {}
    for entry in entries:
        name, _ = _check_parts(entry, 2, path)
        photos.setdefault(name, {})[entry] = None  # a dict, so that a repeated line gives one photo
    return {name: list(entries_of_class) for name, entries_of_class in photos.items()}


def _read_lines(path):
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


def _check_parts(entry, count, path):
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
    """Raise before the slow part when photos are missing, instead of somewhere in the middle of it."""
    if not paths:
        raise InputError(f"no {split} photos of the selected classes in {root}: check meta/{split}.txt or the classes.")
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"listed photo missing: expected {missing[0]}, named in the {split} list ({len(missing)} of {len(paths)} "
            f"photos are missing). Unpack the archive again, or take the missing ones out of meta/{split}.txt."
        )


def _with_bar(paths, split):
    from tqdm import tqdm

    return tqdm(paths, desc=f"reading {split} photos", unit="photo")
