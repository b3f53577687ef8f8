"""`minibnn demo`."""

import os

from minibnn.commands.arguments import whole


def add_to(commands, common):
    """Add `demo`."""
    demo = commands.add_parser(
        "demo",
        help="watch one-bit networks learn beside their 32-bit twins, offline",
        description="Trains a small BCVNN and a small BLM, each beside its 32-bit twins, on built-in data.",
        parents=[common],
    )
    demo.add_argument("--out-dir", metavar="DIR", default="runs/demo", help="where the picture goes (%(default)s)")
    demo.add_argument("--seed", type=whole, default=0, metavar="N", help="of data, weights and order (%(default)s)")
    demo.set_defaults(command=run_demo)


def run_demo(options):
    """`minibnn demo`."""
    # Its matrix products are small: a second thread saves little, and on a busy machine it waits for a core. This works
    # because NumPy is not imported yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from minibnn.demo import demo

    demo(options.out_dir, options.seed)
