"""Labelled pictures as arrays: what every image source returns and every image model is trained on."""

import difflib
import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minibnn.errors import InputError, InputTypeError


@dataclass(frozen=True, eq=False)  # arrays have no single truth value, so sets are compared by identity
class ImageSet:
    """Pictures with their labels and the names of the classes.

    Args:
        images: uint8 (B, H, W, 3), RGB.
        labels: int64 (B,), positions in `class_names`.
        class_names: one name per class, without repeats.

    Raises:
        InputError: a shape, a count or a label does not fit the others, or a name is repeated.
        InputTypeError: `images` or `labels` have another dtype.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]

    def __post_init__(self):
        images, labels = self.images, self.labels
        _check_pixels(images)
        if images.ndim != 4 or images.shape[3] != 3:
            raise InputError(f"images must have shape (B, H, W, 3); came {images.shape}. Stack RGB pictures on axis 0.")
        if not isinstance(labels, np.ndarray) or labels.dtype != np.int64:
            came = getattr(labels, "dtype", type(labels).__name__)
            raise InputTypeError(f"labels must be an int64 array; came {came}. Use np.asarray(labels, np.int64).")
        if labels.shape != images.shape[:1]:
            raise InputError(f"labels must have shape ({len(images)},), one per picture; came {labels.shape}.")
        for place, name in enumerate(self.class_names):
            if name in self.class_names[:place]:
                raise InputError(
                    f"class {name!r} is named twice in class_names {self.class_names}: name each class once."
                )
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.class_names):
            raise InputError(
                f"labels must be positions in class_names, 0 to {len(self.class_names) - 1}; "
                f"came {labels.min()} to {labels.max()}."
            )

    def __len__(self):
        """Return the number of pictures."""
        return len(self.labels)

    def __repr__(self):
        _, height, width, _ = self.images.shape
        names = ", ".join(self.class_names[:3]) + (", ..." if len(self.class_names) > 3 else "")
        return f"ImageSet({len(self)} pictures of {height} x {width}, {len(self.class_names)} classes: {names})"


def to_float(images):
    """Scale bytes to the range the models read: 0 becomes -1, 255 becomes 1.

    Args:
        images: uint8 (..., H, W, 3).

    Returns:
        float32 of the same shape, in [-1, 1].

    Raises:
        InputTypeError: `images` is not a uint8 array (already scaled pictures must not be scaled again).
    """
    _check_pixels(images)
    return images.astype(np.float32) / np.float32(127.5) - np.float32(1)


def random_flips(images, rng):
    """Mirror each picture left to right with probability 1/2, the cheapest way to more training data.

    Args:
        images: (B, H, W, C), any dtype; left as it is.
        rng: numpy.random.Generator that tosses one coin per picture.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        InputError: `images` does not have four axes.
        InputTypeError: `rng` is not a numpy.random.Generator.
    """
    images = np.asarray(images)
    if images.ndim != 4:
        raise InputError(f"images must have shape (B, H, W, C); came {images.shape}. Add an axis with images[None].")
    if not isinstance(rng, np.random.Generator):
        raise InputTypeError(
            f"rng must be a numpy.random.Generator; came {type(rng).__name__}. Use np.random.default_rng(seed)."
        )
    flipped = images.copy()
    chosen = rng.random(len(images)) < 0.5
    flipped[chosen] = images[chosen, :, ::-1]  # axis 2 is the width
    return flipped


def select_classes(classes, available, source):
    """Resolve the `classes` argument that all image sources share.

    Args:
        classes: None for all, an int for the first so many, or a sequence of names.
        available: the names there are, in the source's order.
        source: what has these classes, for the message of an error.

    Returns:
        tuple of names, in the order of the selection.

    Raises:
        InputError: a name is unknown or given twice, the selection is empty, or the int is too large.
        InputTypeError: `classes` is none of the three.
    """
    if classes is None:
        return tuple(available)
    if isinstance(classes, str) or not isinstance(classes, Sequence):
        count = whole_number(
            "classes", classes, expected="None, an int, or a sequence of names such as ['pizza', 'sushi']"
        )
        if count > len(available):
            raise InputError(f"classes={count}, but {source} has {len(available)}: ask for at most {len(available)}.")
        return tuple(available[:count])
    for place, name in enumerate(classes):
        if name not in available:
            raise InputError(f"unknown class {name!r}; available in {source}: {suggest(name, available)}.")
        if name in classes[:place]:
            raise InputError(f"class {name!r} is given twice in classes={list(classes)}: name each class once.")
    if not classes:
        raise InputError("classes is empty: name at least one class, or leave it out for all of them.")
    return tuple(classes)


def suggest(name, available):
    """Return "'pizza', nearest to it" for a mistyped name, or the first names there are when none is near."""
    near = difflib.get_close_matches(str(name).lower(), available, n=1, cutoff=0.5)
    if near:
        return f"{near[0]!r}, the nearest name to it"
    return ", ".join(available[:12]) + (", ..." if len(available) > 12 else "")


def whole_number(name, value, least=1, expected="an int"):
    """Return `value` as an int of at least `least`, or raise what says how to mend it.

    Raises:
        InputTypeError: `value` is not an integer (a bool is not meant as one).
        InputError: `value` is below `least`.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise InputTypeError(f"{name} must be {expected}; came {value!r} ({type(value).__name__}).")
    if number < least:
        raise InputError(f"{name} must be at least {least}; came {number}.")
    return number


def _check_pixels(images):
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        came = getattr(images, "dtype", type(images).__name__)
        raise InputTypeError(
            f"images must be a uint8 array of values 0 to 255; came {came}. Floats are scaled already."
        )
