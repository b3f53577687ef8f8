"""WikiText, whole or in part, and BERT's vocabulary, from the network."""

import io
import lzma
import re
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

from minibnn.data.download import BLOCK, fetch, require_room
from minibnn.data.finished import is_finished, new_folder
from minibnn.data.image_set import whole_number
from minibnn.data.sources import BERT_VOCAB, WIKITEXT
from minibnn.data.tar_stream import DamagedArchiveError
from minibnn.data.wikitext import SPLITS, raw_articles
from minibnn.errors import InputError, InputTypeError
from minibnn.files import readable

# A member counts by its name alone, and is written under a name made anew: ".." and absolute paths lead nowhere.
_MEMBER = re.compile(r"(?:\./)?(?:\w[\w.-]*/)?wiki\.(train|valid|test)\.(raw|tokens)", re.ASCII)
MOST_BYTES = 1_000_000_000  # unpacked, of one member: the largest of WikiText-103 has 541 million
MOST_GROWTH = 50  # text shrinks to a third or a fourth when packed
DAMAGES = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, NotImplementedError, UnicodeError)


def get_wikitext(
    out_dir,
    *,
    edition="2",
    articles=None,
    megabytes=None,
    keep_archive=False,
    replace=False,
    remote=None,
    progress=None,
    **network,
):
    """Make a folder of wiki.train.raw, wiki.valid.raw and wiki.test.raw, from the archive on the network.

    Args:
        out_dir: the folder to make; it appears when it is complete. The archive lies beside it for as long as needed.
        edition: "2" (13 MB of text) or "103" (541 MB).
        articles: keep only so many articles of the training text, the first ones; None for all.
        megabytes: keep only as many whole articles of the training text as fit into so many million bytes, at least
            one; None for all. Validation and test texts are always whole.
        keep_archive: do not remove the archive in the end. One that is there already is read in place of the network's.
        replace: make the folder anew if an earlier call made it of another choice.
        remote: RemoteFile of the archive; None for the one of the edition.
        progress: Progress, or None to be silent.
        network: `urls`, `pauses`, `timeout` as in `minibnn.data.download.RemoteStream`.

    Returns {split: int}, the bytes of each text, or None if the folder was there.
    Raises InputError if the choice is not possible, or the archive cannot be fetched, read or kept; InputTypeError for
    an argument of the wrong type.
    """
    if edition not in WIKITEXT:
        raise InputError(f"edition is {edition!r}, expected one of {', '.join(map(repr, WIKITEXT))}")
    most = _most(articles, megabytes)
    remote = remote or WIKITEXT[edition]
    archive_id = remote.sha256 or list(network.get("urls") or remote.urls)
    made_from = {"archive": archive_id, "articles": articles, "megabytes": megabytes}
    if is_finished(out_dir, made_from, replace):
        return None
    folder = Path(out_dir).absolute().parent
    archive = folder / remote.name
    is_ours = not keep_archive and not archive.exists()
    if is_ours:  # hidden, so that the next call knows that it may be removed, whenever this one is interrupted
        archive = folder / f".{remote.name}"
    fetch(remote, archive, progress=progress, **network)
    with new_folder(out_dir, made_from, replace) as draft, _telling_damage(archive, is_ours):
        _unpack(archive, draft, most)
        sizes = {path.name.split(".")[1]: path.stat().st_size for path in draft.glob("wiki.*")}
    if is_ours:
        archive.unlink()
    return sizes


def get_bert_vocab(out_dir, *, remote=BERT_VOCAB, progress=None, **network):
    """Fetch the vocabulary of bert-base-uncased, 30,522 word pieces, as the file vocab.txt in the folder `out_dir`.

    Returns its path and whether it was fetched (False: it was there). Arguments and errors as in `get_wikitext`.
    """
    path = Path(out_dir) / remote.name
    return path, fetch(remote, path, progress=progress, **network)


@contextmanager
def _telling_damage(archive, is_ours):
    """An archive that turns out to be damaged would spoil the next run too, so it is removed if it is ours."""
    try:
        yield
    except DamagedArchiveError as error:
        mend = "run the same command again, or name a mirror with --url"
        if is_ours:
            archive.unlink()
        else:
            mend = f"remove it, and {mend}"
        raise InputError(f"{archive} is damaged: {error}; {mend}") from error


def _most(articles, megabytes):
    """(articles, bytes) that the training text may have, None for no limit."""
    if articles is not None and megabytes is not None:
        raise InputError("articles and megabytes both say how much to keep: give one of them")
    if articles is not None:
        return whole_number("articles", articles, expected="an int, or None for all"), None
    if megabytes is None:
        return None, None
    if isinstance(megabytes, bool) or not isinstance(megabytes, int | float):
        raise InputTypeError(f"megabytes must be a number, or None for all; came {megabytes!r}")
    if not 0 < megabytes < float("inf"):
        raise InputError(f"megabytes must be a number above 0; came {megabytes}")
    return None, megabytes * 1e6


def _unpack(archive, draft, most):
    """Write the three texts in `archive` (path) to the folder `draft`."""
    try:
        with readable(archive):
            packed = zipfile.ZipFile(archive)
        with packed:
            members = _members(packed)
            if most == (None, None):
                require_room(draft, sum(info.file_size for info, _ in members.values()))
            for split, (info, suffix) in members.items():
                with packed.open(info) as text, (draft / f"wiki.{split}.{suffix}").open("wb") as out:
                    _copy(text, out, most if split == "train" else (None, None))
    except DAMAGES as error:
        raise DamagedArchiveError(str(error)) from error


def _members(packed):
    """{split: (ZipInfo, "raw" or "tokens")}; of two members for one split the first counts."""
    members = {}
    for info in packed.infolist():
        if found := _MEMBER.fullmatch(info.filename):
            members.setdefault(found[1], (info, found[2]))
    if missing := [split for split in SPLITS if split not in members]:
        raise DamagedArchiveError(f"it has no wiki.{missing[0]}.raw, so it is not WikiText")
    for info, _ in members.values():
        most = min(MOST_BYTES, MOST_GROWTH * info.compress_size + BLOCK)
        if info.file_size > most:
            raise DamagedArchiveError(
                f"it declares {info.file_size:,} bytes for {info.filename}, expected at most {most:,}, as one made to "
                "fill a disk"
            )
    return members


def _copy(text, out, most):
    """Copy the binary file `text` to `out`, or as many whole articles as `most` (articles, bytes) allows."""
    most_articles, most_bytes = most
    if most_articles is None and most_bytes is None:
        while block := text.read(BLOCK):
            out.write(block)
        return
    lines = io.TextIOWrapper(text, encoding="utf-8", newline="\n")  # as in read_wikitext, only "\n" ends a line
    written = 0
    for number, article in enumerate(raw_articles(lines)):
        content = "".join(article).encode("utf-8")
        if number == most_articles or (number and most_bytes is not None and written + len(content) > most_bytes):
            return
        written += out.write(content)
