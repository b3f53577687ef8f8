"""`minibnn generate`."""

import os
import sys

from minibnn.commands.arguments import positive, share, temperature, whole
from minibnn.errors import InputError


def add_to(commands, common):
    """Add `generate`."""
    generate = commands.add_parser(
        "generate",
        help="let a trained language model write",
        description="Writes on after a prompt, piece by piece, with a model that `minibnn train text` trained.",
        parents=[common],
    )
    generate.add_argument("run", metavar="RUN", help="folder of the run, such as runs/text-tiny-binary")
    generate.add_argument(
        "--prompt", default="The", metavar="TEXT", help='how the text begins (%(default)s); "": as a sentence begins'
    )
    generate.add_argument(
        "--tokens", type=positive, default=100, metavar="N", help="word pieces to write (%(default)s)"
    )
    generate.add_argument("--temperature", type=temperature, metavar="X", help="below 1 safer, above 1 wilder (1)")
    generate.add_argument("--top-k", type=positive, metavar="K", help="draw from the K most likely pieces only (all)")
    generate.add_argument(
        "--top-p", type=share, metavar="P", help="draw from the most likely pieces that make up the share P only (1)"
    )
    generate.add_argument("--greedy", action="store_true", help="take the most likely piece each time, draw nothing")
    generate.add_argument("--seed", type=whole, default=0, metavar="N", help="of what is drawn (%(default)s)")
    generate.set_defaults(command=write_text, only_prints=True)


def write_text(options):
    """`minibnn generate RUN`."""
    # One position at a time makes small products, for which a second thread is no help; NumPy is not imported yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import numpy as np

    from minibnn.models import generate

    chances = {"temperature": options.temperature, "top_k": options.top_k, "top_p": options.top_p}
    chances = {name: value for name, value in chances.items() if value is not None}
    if options.greedy and chances:
        given = ", ".join("--" + name.replace("_", "-") for name in chances)
        raise InputError(f"--greedy draws nothing, and {given} would choose what to draw from: leave one of them out")
    if options.greedy:
        chances = {"temperature": 0}
    model, wordpiece = load_writer(options.run)
    begin = beginning(wordpiece, options.prompt)
    drawn = generate(model, begin, options.tokens, np.random.default_rng(options.seed), **chances)
    stream_text(wordpiece, begin, drawn)


def load_writer(path):
    """(model, WordPiece) of the text run in the folder `path`. Raises InputError for anything else."""
    from minibnn.training.run_folder import load_run

    run = load_run(path)
    if run.kind != "text":
        raise InputError(f"{path} holds an image run, which cannot write; train a writer with minibnn train text")
    return run.model, run.wordpiece


def beginning(wordpiece, prompt):
    """The ids to begin with: those of the prompt, or [CLS], which is not shown, for an empty one."""
    ids = wordpiece.encode(prompt)
    if unknown := [word for word in prompt.split() if wordpiece.unknown_id in wordpiece.encode(word)]:
        shown = ", ".join(map(repr, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        print(f"minibnn: note: not in the vocabulary, read as [UNK] and not shown: {shown}", file=sys.stderr)
    return ids or [wordpiece.cls_id]


def stream_text(wordpiece, begin, drawn):
    """Print the text of the ids `begin`, and of those that the iterator `drawn` gives, as they come.

    Each part is out as soon as it is settled, and after Ctrl-C all that was written.
    """
    from minibnn.data.text_stream import TextStream

    stream = TextStream(wordpiece)
    try:
        print("".join(map(stream.add, begin)), end="", flush=True)
        for i in drawn:
            print(stream.add(i), end="", flush=True)
    finally:
        print(stream.rest(), flush=True)
