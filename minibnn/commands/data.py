"""`minibnn data food101`, `wikitext`, `vocab`, `list` and `clean`."""

import argparse
import dataclasses
import shlex
import sys

from minibnn.commands.arguments import classes, positive, rate
from minibnn.commands.parser import Parser


def add_to(commands, common):
    """Add `data` with its commands."""
    data = commands.add_parser("data", help="fetch Food-101, WikiText or BERT's vocabulary", parents=[common])
    data.set_defaults(command=lambda options: data.print_help())
    kinds = data.add_subparsers(title="what to do", metavar="COMMAND", parser_class=_Parser)
    _add_food101(kinds, common)
    _add_wikitext(kinds, common)
    vocab = _add_source(kinds, common, "vocab", "BERT's uncased vocabulary, 231.5 KB", "bert-base-uncased")
    vocab.set_defaults(command=fetch_vocab)
    listing = kinds.add_parser("list", help="the data sets, their sources and the cache", parents=[common])
    listing.set_defaults(command=list_data, only_prints=True)
    clean = kinds.add_parser(
        "clean",
        help="remove the cache of decoded photos and token ids",
        description="Removes what is kept of decoded photos and token ids, which will be made again when needed. "
        "Data sets are left alone.",
        parents=[common],
    )
    clean.set_defaults(command=clean_cache)


def _add_food101(kinds, common):
    what = "Food-101 photos, 5.0 GB to read, scaled as they pass"
    food = _add_source(kinds, common, "food101", what, "food-101")
    food.add_argument("--classes", metavar="N|A,B,...", type=classes, help="the first N classes, or these (all 101)")
    food.add_argument("--per-class", type=positive, metavar="N", help="photos per class and split, at most (all)")
    food.add_argument("--size", type=positive, default=64, metavar="N", help="pixels of a side (%(default)s)")
    _add_keeping(food)
    food.set_defaults(command=fetch_food101)


def _add_wikitext(kinds, common):
    what = "WikiText-2 (4.7 MB to fetch) or WikiText-103 (192 MB)"
    wiki = _add_source(kinds, common, "wikitext", what, "wikitext-2-raw or data/wikitext-103-raw")
    wiki.add_argument("--edition", choices=("2", "103"), default="2", help="which WikiText (%(default)s)")
    part = wiki.add_mutually_exclusive_group()
    part.add_argument("--articles", type=positive, metavar="N", help="keep so many articles of the training text (all)")
    part.add_argument("--megabytes", type=rate, metavar="N", help="keep whole articles, so much of it at most (all)")
    _add_keeping(wiki)
    wiki.set_defaults(command=fetch_wikitext)


def _add_keeping(parser):
    parser.add_argument("--keep-archive", action="store_true", help="keep the archive too, beside the folder")
    parser.add_argument("--replace", action="store_true", help="make the folder anew where it holds another choice")


def _add_source(kinds, common, name, what, folder):
    parser = kinds.add_parser(
        name,
        help=what,
        description=f"{what}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common],
    )
    parser.source = name
    parser.add_argument("--out-dir", metavar="DIR", help=f"folder to make (data/{folder})")
    parser.add_argument("--url", action="append", metavar="URL", help="a mirror; several are tried in turn")
    return parser


class _Parser(Parser):
    """Looks up the source that it describes when the help is wanted, so that other commands need not import it."""

    source = None

    def format_help(self):
        if self.source and not self.epilog:
            self.epilog = "\n\n".join(_described(remote) for remote in _sources()[self.source])
        return super().format_help()


def _sources():
    """{command: RemoteFiles}."""
    from minibnn.data.sources import BERT_VOCAB, FOOD101, WIKITEXT

    return {"food101": [FOOD101], "wikitext": list(WIKITEXT.values()), "vocab": [BERT_VOCAB]}


def _described(remote):
    lines = [f"{remote.name}, {remote.size:,} bytes", *(f"  from     {url}" for url in remote.urls)]
    lines += [f"  sha256   {remote.sha256}", *([f"  md5      {remote.md5}"] if remote.md5 else [])]
    return "\n".join([*lines, f"  licence  {remote.licence}"])


def fetch_food101(options):
    """`minibnn data food101`."""
    from minibnn.data.food101_stream import get_food101
    from minibnn.data.sources import FOOD101

    folder = options.out_dir or "data/food-101"
    chosen = {name: getattr(options, name) for name in ("classes", "per_class", "size", "keep_archive", "replace")}
    made = _fetched(get_food101, folder, FOOD101, options, **chosen)
    if made:
        print(
            f"{folder}: {made['train']:,} training and {made['test']:,} test photos of {made['classes']} classes, "
            f"{options.size} x {options.size} pixels"
        )
        if not made["whole"]:
            print("reading stopped when all of them had come, so the checksum of the whole archive was not compared")
    _print_next(f"minibnn train image --data {shlex.quote(folder)}")


def fetch_wikitext(options):
    """`minibnn data wikitext`."""
    from minibnn.data.progress import byte_count
    from minibnn.data.sources import WIKITEXT
    from minibnn.data.text_download import get_wikitext

    folder = options.out_dir or f"data/wikitext-{options.edition}-raw"
    names = ("edition", "articles", "megabytes", "keep_archive", "replace")
    chosen = {name: getattr(options, name) for name in names}
    made = _fetched(get_wikitext, folder, WIKITEXT[options.edition], options, **chosen)
    if made:
        parts = ("train", "training"), ("valid", "validation"), ("test", "test")
        print(f"{folder}: {', '.join(f'{byte_count(made[split])} of {name} text' for split, name in parts)}")
    _print_next(f"minibnn train text --data {shlex.quote(folder)}")


def fetch_vocab(options):
    """`minibnn data vocab`."""
    from minibnn.data.sources import BERT_VOCAB
    from minibnn.data.text_download import get_bert_vocab

    folder = options.out_dir or "data/bert-base-uncased"
    path, is_new = _fetched(get_bert_vocab, folder, BERT_VOCAB, options)
    print(f"{path}: 30,522 word pieces" + ("" if is_new else ", there already"))
    _print_next(f"minibnn train text --vocab {shlex.quote(str(path))}")


def list_data(options):
    """`minibnn data list`."""
    from minibnn.data.cache import cache_folder, cached_files

    for command, remotes in _sources().items():
        print(f"minibnn data {command}\n\n" + "\n".join(_described(remote) for remote in remotes) + "\n")
    print(f"cache: {_total(cached_files())}, in {cache_folder()}")


def clean_cache(options):
    """`minibnn data clean`."""
    from minibnn.data.cache import cache_folder, clear_cache

    print(f"removed from the cache {cache_folder()}: {_total(clear_cache())}")


def _total(files):
    from minibnn.data.progress import byte_count

    return f"{len(files)} {'file' if len(files) == 1 else 'files'}, {byte_count(sum(files.values()))}"


def _fetched(get, folder, remote, options, **chosen):
    """What `get` returns, after saying where the data comes from; says so if there was nothing to do."""
    from minibnn.data.progress import Progress

    progress = Progress(bar=sys.stderr.isatty())
    progress.say(_described(dataclasses.replace(remote, urls=tuple(options.url or remote.urls))))
    made = get(folder, progress=progress, remote=remote, urls=options.url, **chosen)
    if made is None:
        print(f"{folder} is there already, made of the same choice: nothing to do")
    return made


def _print_next(command):
    print(f"next: {command}")
