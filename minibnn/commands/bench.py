"""`minibnn bench packed`, `minibnn bench train` and `minibnn bench tokenizer`."""

import importlib
import importlib.util
import json
import sys
from contextlib import contextmanager

from minibnn.commands.arguments import positive
from minibnn.files import replacing
from minibnn.threads import set_threads


def add_to(commands, common):
    """Add `bench` with its kinds."""
    bench = commands.add_parser("bench", help="measure how fast it is on this machine, beside others", parents=[common])
    bench.set_defaults(command=lambda options: bench.print_help())
    kinds = bench.add_subparsers(title="what to measure", metavar="KIND")
    _add_packed(kinds, common)
    _add_train(kinds, common)
    _add_tokenizer(kinds, common)


def _add_packed(kinds, common):
    packed = kinds.add_parser(
        "packed",
        help="products, convolutions and text with one bit per weight",
        description="Times products, convolutions and the writing of text with one bit per weight beside float32 in "
        "NumPy and, where installed, PyTorch, in turn and in one process; then sizes of files and memory. Takes about "
        "four minutes on two cores and, for the language model in float32, 1.4 GB.",
        parents=[common],
    )
    _add_turns(packed)
    packed.add_argument("--shapes", choices=("all", "small"), default="all", help="small: a quick look (%(default)s)")
    packed.add_argument("--no-decode", action="store_true", help="leave out how fast a language model writes")
    packed.add_argument("--no-torch", action="store_true", help="leave PyTorch out")
    _add_json(packed)
    packed.set_defaults(command=bench_packed)


def _add_train(kinds, common):
    train = kinds.add_parser(
        "train",
        help="training steps, binary and standard",
        description="Times a training step (forward, loss, backward, optimizer) and inference of binary and standard "
        "models beside the same float models in PyTorch, where it is installed, in turn and in one process.",
        parents=[common],
    )
    _add_turns(train)
    train.add_argument("--cases", choices=("all", "small"), default="all", help="small: a quick look (%(default)s)")
    train.add_argument("--profile", action="store_true", help="where the time of our steps goes, by kernel and layer")
    train.add_argument("--no-growth", action="store_true", help="leave out how a step grows with its sizes")
    train.add_argument("--no-torch", action="store_true", help="leave PyTorch out")
    _add_json(train)
    train.set_defaults(command=bench_train)


def _add_turns(parser):
    parser.add_argument(
        "--threads", type=positive, default=2, metavar="N", help="threads of each library (%(default)s)"
    )
    parser.add_argument(
        "--rounds", type=positive, default=5, metavar="N", help="turns of each; their median counts (%(default)s)"
    )


def _add_tokenizer(kinds, common):
    tokenizer = kinds.add_parser(
        "tokenizer",
        help="how fast texts become word pieces",
        description="Times WordPiece beside the package tokenizers, where it is installed, each with 1 and 2 threads.",
        parents=[common],
    )
    tokenizer.add_argument("--data", metavar="PATH", help="a text file, or a folder of them (built-in text)")
    tokenizer.add_argument("--vocab", metavar="FILE", help="a vocabulary, such as BERT's (one built from the text)")
    _add_json(tokenizer)
    tokenizer.set_defaults(command=bench_tokenizer)


def _add_json(parser):
    parser.add_argument("--json", metavar="FILE", help="write all figures to this file too, as JSON")


def bench_packed(options):
    """`minibnn bench packed`."""
    _set_threads(options.threads)
    with _kept_in(options.json) as keep:
        from minibnn.bench import packed

        keep(
            packed.run(
                options.threads,
                options.rounds,
                options.shapes,
                decode=not options.no_decode,
                with_torch=not options.no_torch,
                report=lambda text: print(f"{text}\n", flush=True),
            )
        )


def bench_train(options):
    """`minibnn bench train`."""
    _set_threads(options.threads)
    with _kept_in(options.json) as keep:
        from minibnn.bench import train

        keep(
            train.run(
                options.threads,
                options.rounds,
                options.cases,
                growth=not options.no_growth,
                profile=options.profile,
                with_torch=not options.no_torch,
                report=lambda text: print(f"{text}\n", flush=True),
            )
        )


def _set_threads(threads):
    """As many threads for each library, before anything imports NumPy: its BLAS reads them once.

    PyTorch, where it is installed, comes first of all: it brings an OpenMP of its own, which shall find the environment
    as its users have it, and not as `minibnn.kernels.jit` sets it for ours.
    """
    set_threads(threads)
    if importlib.util.find_spec("torch"):
        importlib.import_module("torch")


def bench_tokenizer(options):
    """`minibnn bench tokenizer`."""
    with _kept_in(options.json) as keep:
        from minibnn.bench import tokenizer

        results = tokenizer.run(options.data, options.vocab, progress=sys.stderr.isatty())
        print(tokenizer.table(results), flush=True)
        keep(results)


@contextmanager
def _kept_in(path):
    """Give a function that writes results to the file `path` as JSON, whole or not at all; for None it does nothing."""
    if path is None:
        yield lambda results: None
        return
    with replacing(path) as draft:
        draft.touch()  # a folder that is closed to us shall be told of now, not after minutes of measuring
        yield lambda results: draft.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
