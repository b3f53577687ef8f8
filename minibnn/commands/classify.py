"""`minibnn classify`: what a classifier sees in photos."""

import sys
from pathlib import Path

from minibnn.commands.arguments import positive
from minibnn.commands.notes import printable
from minibnn.errors import InputError

BAR = 30  # characters of a probability of 1


def add_to(commands, common):
    """Add `classify`."""
    classify = commands.add_parser(
        "classify",
        help="say what is in photos",
        description="Names the most likely classes of each photo, cropped and scaled as in training. Of a photo that "
        "cannot be read one line says why, the others are classified, and the exit status is 1.",
        parents=[common],
    )
    classify.add_argument("model", metavar="RUN|FILE", help="folder of an image run, or what minibnn pack made of it")
    classify.add_argument("photos", nargs="+", metavar="PHOTO", help="JPEG, PNG, WebP, GIF, BMP, TIFF or PPM")
    classify.add_argument("--top", type=positive, default=3, metavar="K", help="classes to name (%(default)s)")
    classify.set_defaults(command=classify_photos, only_prints=True)


def classify_photos(options):
    """`minibnn classify RUN|FILE PHOTO ...`; returns 1 if a photo could not be read, else 0."""
    from minibnn.commands.trained import load_classifier
    from minibnn.layers.module import evaluating

    trained = load_classifier(options.model)
    failed = False
    with evaluating(trained.model):
        for number, path in enumerate(options.photos):
            try:
                probabilities = probabilities_of(trained, path)
            except InputError as error:
                print(f"minibnn: error: {error}", file=sys.stderr)
                failed = True
                continue
            told = _told(probabilities, trained.class_names, options.top)
            print(f"{'' if number == 0 else chr(10)}{printable(path)}\n{told}", flush=True)
    return int(failed)


def probabilities_of(trained, path):
    """The probability of each class, float array (C,), for the photo at `path`. Raises InputError if it cannot be read.

    `trained`: Trained of a classifier.
    """
    from minibnn.data import read_photo, to_float

    if Path(path).is_dir():
        raise InputError(f"{path} is a folder: name the photos in it, such as {Path(path) / '*.jpg'}")
    photo = to_float(read_photo(path, trained.image_size)[None])  # (1, S, S, 3)
    return trained.model(photo).data[0]


def _told(probabilities, names, top):
    order = (-probabilities).argsort(kind="stable")[:top]
    width = max(len(printable(names[i])) for i in order)
    bars = ["#" * round(BAR * float(probabilities[i])) for i in order]
    lines = [
        f"  {printable(names[i]):{width}}  {probabilities[i]:6.1%}  {bar}" for i, bar in zip(order, bars, strict=True)
    ]
    return "\n".join(line.rstrip() for line in lines)
