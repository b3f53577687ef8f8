"""How fast text becomes word pieces: ours beside the `tokenizers` package, in turns, on the same text.

The number of threads of `tokenizers` is fixed when its first text comes, so each number of threads is measured in a
process of its own. There the two take turns, and the median of the rounds counts: what disturbs one disturbs both.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from minibnn.data import WordPiece, builtin_text
from minibnn.errors import InputError
from minibnn.files import readable
from minibnn.kernels.word_tables import LONGEST_WORD

VOCAB_SIZE = 8000  # of the vocabulary that is trained where none is given
PAUSE = 0.15  # seconds between two candidates: the idle threads of one must not slow the other
OURS, OUR_ARRAYS, THEIRS = "minibnn, lists", "minibnn, arrays", "tokenizers"


def run(data=None, vocab=None, threads=(1, 2), rounds=5, progress=True):
    """Measure with each number of threads.

    Args:
        data: path of a text file, or of a folder with .raw, .tokens or .txt files (UTF-8); None for the built-in text.
        vocab: path of a vocabulary with one piece per line; None to train one of VOCAB_SIZE pieces from the text.
        threads: the numbers of threads (ints).
        rounds: int, how often each candidate runs.
        progress: whether to say on stderr what is going on.

    Returns a dict: "megabytes" and "texts" (the lines that hold text) of the text, "vocab_size", "tokenizers" (its
    version, or None if it is not installed), "equal_ids" (None without it), "rounds", and "rows", a list of dicts with
    "threads", "candidate", "seconds" (median), "megabytes_per_second" and "ratio" (to tokenizers; None without it).
    Raises InputError if the text or the vocabulary cannot be read.
    """
    texts = read_lines(data)
    results = {
        "megabytes": sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / 1e6,
        "texts": len(texts),
        "rounds": rounds,
        "rows": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        if progress and vocab is None:
            print(f"building a vocabulary of {VOCAB_SIZE:,} word pieces from the text ...", file=sys.stderr)
        wordpiece = WordPiece.from_file(vocab) if vocab is not None else WordPiece.train(texts, VOCAB_SIZE)
        wordpiece.save(path)
        for count in threads:
            if progress:
                print(f"measuring with {count} thread{'s' * (count > 1)} ...", file=sys.stderr)
            found = _in_own_process(data, str(path), count, rounds)
            results |= {"vocab_size": len(wordpiece), **{key: found[key] for key in ("tokenizers", "equal_ids")}}
            results["rows"] += _rows(found["seconds"], count, results["megabytes"])
    return results


def measure(texts, vocab, threads, rounds):
    """Time every candidate, in turns, `rounds` times; to be called in a process that has encoded nothing yet.

    `texts`: list of str. `vocab`: path. `threads`: int; for `tokenizers`, RAYON_NUM_THREADS must say the same.
    Returns a dict: "tokenizers" (its version or None), "equal_ids" (bool or None), "seconds" ({candidate: list}).
    """
    wordpiece = WordPiece.from_file(vocab)
    candidates = {
        OURS: lambda: wordpiece.encode_batch(texts, threads=threads),
        OUR_ARRAYS: lambda: wordpiece.encode_arrays(texts, threads=threads),
    }
    version, theirs = _tokenizers(vocab)
    if theirs is not None:
        candidates[THEIRS] = lambda: [
            encoding.ids for encoding in theirs.encode_batch_fast(texts, add_special_tokens=False)
        ]
    first = {name: encode() for name, encode in candidates.items()}  # warm-up, which also compiles
    seconds = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, encode in candidates.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            ids = encode()
            seconds[name].append(time.perf_counter() - start)
            del ids
    equal = first[OURS] == first[THEIRS] if version else None
    return {"tokenizers": version, "equal_ids": equal, "seconds": seconds}


def _tokenizers(vocab):
    """(version, tokenizer with BERT's uncased rules) of the `tokenizers` package, or (None, None) without it."""
    try:
        import tokenizers
    except ImportError:
        return None, None
    model = tokenizers.models.WordPiece.from_file(vocab, unk_token="[UNK]", max_input_chars_per_word=LONGEST_WORD)
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return tokenizers.__version__, tokenizer


def read_lines(data):
    """The lines that hold text (list of str) of a file, of the text files in a folder, or of the built-in text."""
    if data is None:
        text = builtin_text()
    else:
        with readable(data):
            path = Path(data)
            files = [path] if not path.is_dir() else sorted(p for p in path.iterdir() if p.suffix in _SUFFIXES)
            text = "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise InputError(f"{data} holds no text; expected a text file, or a folder with {', '.join(_SUFFIXES)} files")
    return lines


_SUFFIXES = (".raw", ".tokens", ".txt")


def table(results):
    """The results of `run` as a text table (str)."""
    lines = [
        f"{results['megabytes']:.2f} MB of text in {results['texts']:,} lines, {results['vocab_size']:,} word pieces; "
        f"medians of {results['rounds']} rounds in turns; str in, ids out",
        "",
        f"{'threads':>7}  {'':15}  {'ms':>7}  {'MB/s':>6}  {'ratio':>6}",
    ]
    for row in results["rows"]:
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.1f} x"
        speed = f"{row['seconds'] * 1e3:7.1f}  {row['megabytes_per_second']:6.1f}  {ratio:>6}"
        lines.append(f"{row['threads']:>7}  {row['candidate']:15}  {speed}")
    if results["tokenizers"] is None:
        lines += ["", "tokenizers is not installed, so there is nothing to compare with: pip install tokenizers"]
    else:
        same = "the same" if results["equal_ids"] else "NOT the same"
        lines += ["", f"tokenizers {results['tokenizers']}, encode_batch_fast; its ids are {same}"]
    return "\n".join(lines)


def _in_own_process(data, vocab, threads, rounds):
    """`measure` in a new process, where tokenizers starts `threads` threads."""
    code = (
        "import json, sys; from minibnn.bench.tokenizer import measure, read_lines; "
        "data, vocab, threads, rounds = json.loads(sys.argv[1]); "
        "print(json.dumps(measure(read_lines(data), vocab, threads, rounds)))"
    )
    given = json.dumps([None if data is None else str(data), vocab, threads, rounds])
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "true"}
    done = subprocess.run(
        [sys.executable, "-c", code, given], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


def _rows(seconds, threads, megabytes):
    """One dict for each candidate; `seconds`: {candidate: list of float}."""
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return [
        {
            "threads": threads,
            "candidate": name,
            "seconds": median,
            "megabytes_per_second": megabytes / median,
            "ratio": medians[THEIRS] / median if THEIRS in medians else None,
        }
        for name, median in medians.items()
    ]
