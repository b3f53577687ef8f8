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
        description="Writes on after a prompt, piece by piece, with a model that `minibnn train text` trained, or with "
        "the bits of it that `minibnn pack` kept.",
        parents=[common],
    )
    generate.add_argument(
        "run", metavar="RUN|FILE", help="folder of a run, such as runs/text-tiny-binary; packed model"
    )
    generate.add_argument("--vocab", metavar="FILE", help="vocabulary of a packed model that was kept without its own")
    generate.add_argument(
        "--prompt",
        default="The",
        metavar="TEXT",
        help='how the text begins (%(default)s); "": as a text begins, with a whole word',
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
    model, wordpiece = load_writer(options.run, options.vocab)
    begin = beginning(wordpiece, options.prompt)
    chances["not_first"] = continuations(wordpiece) if not wordpiece.decode(begin) else ()
    drawn = generate(model, begin, options.tokens, np.random.default_rng(options.seed), **chances)
    stream_text(wordpiece, begin, drawn)


def load_writer(path, vocab=None):
    """(model, WordPiece) of the text run in the folder `path`, or of the packed language model in the file `path`.

    `vocab`: path of the vocabulary, for a packed model that was kept without. Raises InputError for anything else.
    """
    from minibnn.training.run_folder import load_run

    if os.path.isfile(path):
        return _packed_writer(path, vocab)
    run = load_run(path)
    if run.kind != "text":
        raise InputError(f"{path} holds an image run, which cannot write; train a writer with minibnn train text")
    if vocab is not None:
        raise InputError(f"the run in {path} has its own vocabulary: leave --vocab out")
    return run.model, run.wordpiece


def _packed_writer(path, vocab):
    from minibnn.bits import load_packed
    from minibnn.data import WordPiece
    from minibnn.models import BLM

    parent, name = os.path.split(os.path.dirname(os.path.abspath(path)))
    if name == "checkpoints":
        raise InputError(f"{path} holds the float weights of a run: give its folder, {os.path.relpath(parent)}")
    model = load_packed(path)
    if not isinstance(model, BLM):
        raise InputError(f"{path} holds a model of pictures, which cannot write: pack a run of minibnn train text")
    tokens = model.about.get("vocabulary")
    if tokens is None and vocab is None:
        raise InputError(f"{path} was kept without a vocabulary: give it by --vocab FILE, one piece per line")
    if tokens is not None and vocab is not None:
        raise InputError(f"{path} has its own vocabulary: leave --vocab out")
    wordpiece = WordPiece.from_file(vocab) if tokens is None else _wordpiece(path, tokens)
    if len(wordpiece) != model.vocab_size:
        mend = "pack the run again" if vocab is None else "give the one that it was trained with by --vocab"
        raise InputError(
            f"the model in {path} knows {model.vocab_size:,} word pieces, and the vocabulary has {len(wordpiece):,}: "
            f"{mend}"
        )
    return model, wordpiece


def _wordpiece(path, tokens):
    from minibnn.data import WordPiece

    if not isinstance(tokens, list):
        raise InputError(f"the vocabulary in {path} must be a list of word pieces: pack the run again")
    try:
        return WordPiece(tokens)
    except InputError as error:
        raise InputError(f"the vocabulary in {path} is none ({error}): pack the run again") from None


def beginning(wordpiece, prompt):
    """The ids to begin with: those of the prompt, or [CLS], which is not shown, for an empty one.

    Where nothing of them is shown, the text must begin with a piece that can: see `continuations`.
    """
    ids = wordpiece.encode(prompt)
    if unknown := [word for word in prompt.split() if wordpiece.unknown_id in wordpiece.encode(word)]:
        shown = ", ".join(map(repr, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        print(f"minibnn: note: not in the vocabulary, read as [UNK] and not shown: {shown}", file=sys.stderr)
    return ids or [wordpiece.cls_id]


def continuations(wordpiece):
    """The ids that no text begins with: pieces such as "##ing", which continue a word, and tokens that are not shown.

    A model of running text gives such pieces their chance after [CLS], which it never read; so they are left out of the
    first draw (`generate` with `not_first`), and nothing is left out of a vocabulary that has no other piece.
    """
    from minibnn.data.basic_tokens import SPECIAL_TOKENS

    found = [
        i
        for i, token in enumerate(wordpiece.tokens)
        if token in SPECIAL_TOKENS or (token.startswith("##") and len(token) > 2)
    ]
    return found if len(found) < len(wordpiece) else ()


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
