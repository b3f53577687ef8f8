"""One photo of any kind, whole or damaged, as a square of RGB."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from minibnn.data.food101 import read_photo
from minibnn.errors import InputError, InputTypeError

ORANGE = (240, 130, 40)


def quadrants(width, height):
    """Four different corners, so that every turn and mirror image differs."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (250, 20, 20)
    pixels[: height // 2, width // 2 :] = (20, 250, 20)
    pixels[height // 2 :, : width // 2] = (20, 20, 250)
    pixels[height // 2 :, width // 2 :] = (240, 240, 20)
    return Image.fromarray(pixels)


def save(tmp_path, image, name, **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 24), st.sampled_from(["PNG", "JPEG"]))
@settings(max_examples=60, deadline=None)
def test_any_size_becomes_a_square_of_the_same_colour(tmp_path_factory, width, height, size, form):
    path = tmp_path_factory.getbasetemp() / f"any.{form.lower()}"
    Image.new("RGB", (width, height), ORANGE).save(path, format=form)
    photo = read_photo(path, size)
    assert photo.shape == (size, size, 3)
    assert photo.dtype == np.uint8
    assert np.abs(photo.astype(int) - ORANGE).max() <= 3


def test_photo_is_writable_and_path_may_be_text(tmp_path):
    path = save(tmp_path, Image.new("RGB", (9, 9), ORANGE), "a.png")
    photo = read_photo(str(path), np.int64(4))
    photo[0] = 0
    assert (read_photo(path, 4) == ORANGE).all()


GREY = round(0.299 * 240 + 0.587 * 130 + 0.114 * 40)


@pytest.mark.parametrize(
    ("mode", "name", "expected"),
    [
        ("RGB", "a.jpg", ORANGE),
        ("RGB", "a.webp", ORANGE),
        ("RGB", "a.bmp", ORANGE),
        ("RGB", "a.ppm", ORANGE),
        ("L", "a.jpg", (GREY,) * 3),
        ("L", "a.png", (GREY,) * 3),
        ("1", "a.png", (150, 150, 150)),
        ("P", "a.png", ORANGE),
        ("P", "a.gif", ORANGE),
        ("RGBA", "a.png", ORANGE),
        ("LA", "a.png", (GREY,) * 3),
        ("CMYK", "a.jpg", ORANGE),
        ("CMYK", "a.tif", ORANGE),
        ("YCbCr", "a.jpg", ORANGE),
    ],
)
def test_every_mode_becomes_rgb(tmp_path, mode, name, expected):
    image = Image.new("RGB", (30, 20), ORANGE)
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    path = save(tmp_path, image, name)
    tolerance = 90 if mode == "1" else 3  # black and white is dithered
    assert np.abs(read_photo(path, 5).astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize("white", [65535, 30000])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path, white, name):
    path = save(tmp_path, Image.fromarray(np.full((8, 12), white, np.uint16)), name)
    assert (read_photo(path, 4) == white // 257).all()


def test_transparency_becomes_white(tmp_path):
    clear = save(tmp_path, Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "clear.png")
    half = save(tmp_path, Image.new("LA", (8, 8), (0, 128)), "half.png")
    palette = save(tmp_path, Image.new("P", (8, 8), 0), "palette.png", transparency=b"\x00\xff")
    assert (read_photo(clear, 4) == 255).all()
    assert (read_photo(half, 4) == 127).all()
    assert (read_photo(palette, 4) == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("shape", [(40, 24), (24, 40), (400, 300)])
def test_exif_orientation_is_applied(tmp_path, orientation, shape):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path, quadrants(*shape), "turned.jpg", exif=exif, quality=95, subsampling=0)
    with Image.open(path) as image:
        upright = ImageOps.fit(ImageOps.exif_transpose(image), (2, 2), Image.Resampling.BOX)
    assert np.abs(read_photo(path, 8)[1::5, 1::5].astype(int) - np.asarray(upright)).max() < 45


def test_broken_exif_does_not_matter(tmp_path):
    path = save(tmp_path, Image.new("RGB", (9, 9), ORANGE), "a.jpg", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x00junk")
    assert np.abs(read_photo(path, 4).astype(int) - ORANGE).max() <= 3


@pytest.mark.parametrize(("width", "height"), [(90, 30), (30, 90)])
def test_crop_is_central(tmp_path, width, height):
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[(height - 30) // 2 : (height + 30) // 2, (width - 30) // 2 : (width + 30) // 2] = ORANGE
    path = save(tmp_path, Image.fromarray(pixels), "a.png")
    assert (read_photo(path, 10) == ORANGE).all()


def test_fast_decoding_changes_little(tmp_path):
    ramp = np.linspace(0, 255, 640)
    pixels = np.stack(np.broadcast_arrays(ramp[None], ramp[:, None], 255 - ramp[None]), -1).astype(np.uint8)
    path = save(tmp_path, Image.fromarray(pixels), "a.jpg", quality=95)
    slow = Image.open(path).resize((32, 32), Image.Resampling.LANCZOS)
    assert np.abs(read_photo(path, 32).astype(int) - np.asarray(slow)).max() <= 6


def test_scaling_does_not_alias(tmp_path):
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    photo = read_photo(save(tmp_path, Image.fromarray(stripes), "a.png"), 16)
    assert np.abs(photo[:, 2:-2].astype(int) - 127).max() <= 3


def test_truncated_photo_is_named(tmp_path):
    path = save(tmp_path, quadrants(200, 200), "cut.jpg")
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(InputError, match=r"unreadable photo: expected a complete .*cut\.jpg.*truncated.*again"):
        read_photo(path, 8)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_file_that_is_no_photo(tmp_path, content):
    path = tmp_path / "page.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"unreadable photo.*page\.jpg"):
        read_photo(path, 8)


def test_other_formats_are_not_even_tried(tmp_path):
    path = tmp_path / "fax.jpg"
    Image.new("RGB", (9, 9)).save(path, format="PCX")
    with pytest.raises(InputError, match=r"unreadable photo.*fax\.jpg"):
        read_photo(path, 8)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damage_gives_a_photo_or_an_input_error(tmp_path_factory, data):
    buffer = io.BytesIO()
    form = data.draw(st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "WEBP"]))
    quadrants(12, 10).save(buffer, format=form)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.bin"
    path.write_bytes(content)
    refusal = None
    try:
        assert read_photo(path, 4).shape == (4, 4, 3)
    except InputError as error:
        refusal = str(error)
    assert refusal is None or "damaged.bin" in refusal


@pytest.mark.parametrize("side", [12, 30])  # Pillow warns above its limit and raises above twice that
def test_image_bomb(tmp_path, monkeypatch, side):
    path = save(tmp_path, Image.new("RGB", (side, side)), "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(InputError, match=r"too large: expected at most 100 pixels.*bomb\.png"):
        read_photo(path, 8)


def test_photo_errors(tmp_path):
    with pytest.raises(InputError, match=r"photo missing: expected a file at .*no\.jpg"):
        read_photo(tmp_path / "no.jpg", 8)
    with pytest.raises(InputError, match="unreadable photo"):
        read_photo(tmp_path, 8)
    floating = save(tmp_path, Image.new("F", (4, 4)), "float.tif")
    with pytest.raises(InputError, match=r"floating-point.*float\.tif"):
        read_photo(floating, 8)
    with pytest.raises(InputTypeError, match="path must be a str or a path; came 3"):
        read_photo(3, 8)
    with pytest.raises(InputError, match="image_size must be at least 1; came 0"):
        read_photo(floating, 0)
