"""`minibnn bench packed`: what real bits bring, beside NumPy and PyTorch, on the machine at hand."""

from minibnn.bench import convolution, decoding, memory, products
from minibnn.bench.rivals import find_torch
from minibnn.bench.timing import machine, machine_text

TEXTS = {
    "machine": machine_text,
    "products": products.text,
    "convolution": convolution.text,
    "decoding": decoding.text,
    "memory": memory.text,
}


def run(threads=2, rounds=5, shapes="all", *, decode=True, with_torch=True, report=None):
    """Measure all parts; a dict of part to what it found, which JSON can hold.

    Args:
        threads: of each library. NumPy and Numba take as many as OPENBLAS_NUM_THREADS (or OMP_NUM_THREADS,
            MKL_NUM_THREADS) and NUMBA_NUM_THREADS said before they were imported: set these to the same number.
        rounds: how often each candidate takes its turn.
        shapes: "all", or "small" for a quick look.
        decode: whether to measure how fast a language model writes, which needs 1.4 GB.
        with_torch: whether to measure PyTorch too, where it is installed.
        report: None, or a function that is given each part as text when it is done.

    Returns a dict of `machine`, `products`, `convolution`, `decoding` (unless left out) and `memory`; see the module of
    each part.
    """
    torch = find_torch(threads, with_torch)
    parts = {
        "machine": lambda: machine(threads),
        "products": lambda: products.run(threads, rounds, shapes, torch),
        "convolution": lambda: convolution.run(threads, rounds, shapes, torch),
        "decoding": lambda: decoding.run(threads, rounds, torch),
        "memory": memory.run,
    }
    if not decode:
        del parts["decoding"]
    results = {}
    for name, measure_part in parts.items():
        results[name] = measure_part()
        if report is not None:
            report(TEXTS[name](results[name]))
    return results


def table(results):
    """What `run` returned as text."""
    return "\n\n".join(TEXTS[name](part) for name, part in results.items())
