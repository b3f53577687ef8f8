"""One photo of any size and mode as a square of RGB."""

import os
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from minibnn.data.image_set import whole_number
from minibnn.errors import InputError, InputTypeError
from minibnn.files import cannot_read

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
    path, image_size = as_path("path", path), whole_number("image_size", image_size)
    with pillow_warnings():
        return decode_photo(path, path, image_size)


@contextmanager
def pillow_warnings():
    """Within it, Pillow's warning of a picture that can fill the memory is an error, and the others are silent.

    The filters of warnings belong to the whole process: with several threads, enter it once, around all of them.
    """
    from PIL import Image  # imported here, so that `import minibnn` stays fast

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a flaw beside the pixels, such as in the EXIF block, does not matter here
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode_photo(file, name, image_size, most_pixels=None):
    """What `read_photo` does, within `pillow_warnings`, also for an open binary file.

    Args:
        file: a path or a binary file.
        name: what errors call the photo.
        image_size: height and width S of the result in pixels.
        most_pixels: refuse larger photos before they are decoded; None for Pillow's own limit.

    Returns uint8 (S, S, 3). Raises InputError as `read_photo` does.
    """
    from PIL import Image

    try:
        with Image.open(file, formats=PHOTO_FORMATS) as image:
            _check_pixels(image, most_pixels)
            return _square(image, image_size)
    except FileNotFoundError as error:
        raise InputError(f"photo missing: expected a file at {name}. Check the path.") from error
    except PermissionError as error:
        raise cannot_read(name, error) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(
            f"photo too large: expected at most {Image.MAX_IMAGE_PIXELS:,} pixels; came more, in {name}. Such a file "
            "can fill the memory; scale it down, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it."
        ) from error
    except InputError as error:
        raise InputError(f"{error} The file is {name}.") from error
    except Exception as error:  # a damaged file makes Pillow's decoders raise nearly anything
        raise InputError(
            f"unreadable photo: expected a complete {', '.join(PHOTO_FORMATS)} file; came {name}, "
            f"where Pillow says: {error}. Fetch or unpack this file again, or take it out of the list."
        ) from error


def _check_pixels(image, most_pixels):
    if most_pixels and image.width * image.height > most_pixels:
        raise InputError(
            f"photo too large: expected at most {most_pixels:,} pixels; came {image.width:,} x {image.height:,}."
        )


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


def as_path(name, value):
    """`value` as a Path; InputTypeError, naming the argument `name`, if it is none."""
    try:
        return Path(os.fspath(value))
    except TypeError:
        raise InputTypeError(f"{name} must be a str or a path; came {value!r} ({type(value).__name__}).") from None
