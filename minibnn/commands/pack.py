"""`minibnn pack`: the bits of a trained model, in a file."""

import shlex
from pathlib import Path

from minibnn.commands.info import PACKED_NAME, packed_run
from minibnn.errors import InputError


def add_to(commands, common):
    """Add `pack`."""
    pack = commands.add_parser(
        "pack",
        help="keep a trained model as bits, in one small file",
        description="Writes the bits of a trained model (Algorithm 2) to one file, which NumPy alone can read.",
        parents=[common],
    )
    pack.add_argument("run", metavar="RUN", help="folder of the run, such as runs/image-tiny-binary")
    pack.add_argument("--out", metavar="FILE", help=f"a new file (RUN/{PACKED_NAME}, which is replaced)")
    pack.set_defaults(command=pack_run)


def pack_run(options):
    """`minibnn pack RUN`."""
    from minibnn.bits import save_packed
    from minibnn.models.summary import table

    own = Path(options.run) / PACKED_NAME
    path = own if options.out is None else Path(options.out)
    packed = packed_run(options.run)
    replaced = path.exists()
    if path.is_file() and not (own.exists() and path.samefile(own)):
        raise InputError(f"{path} already exists, and may be another model: move it away, or choose another --out")
    save_packed(packed, path)
    floats, size = 4 * packed.num_bits(), path.stat().st_size
    extra = "the vocabulary" if "vocabulary" in packed.about else "the names of the classes"
    rows = [("file", "holds", "bytes")]
    rows += [(str(path), f"one bit for each parameter, and {extra}", f"{size:,}")]
    rows += [("(in the checkpoints)", "a float for each parameter", f"{floats:,}")]
    print(f"packed {packed.num_bits():,} one-bit parameters{', in place of those of before' if replaced else ''}")
    print(f"\n{table(rows, left_columns=2)}\n\n{floats / size:.1f} times smaller. Next:")
    steps = ("info", "show", "eval", "generate") if "vocabulary" in packed.about else ("info", "show", "eval")
    print(*(f"  minibnn {step} {shlex.quote(str(path))}" for step in steps), sep="\n")
