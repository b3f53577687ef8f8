"""Products of numbers and bits beside their rivals: the time of a call, and its error."""

import copy
import functools

import numpy as np

from minibnn.bench import rivals
from minibnn.bench.timing import measure, median, pause_for, progress_bar, spread_text
from minibnn.bits import BitMatrix
from minibnn.bits.packing import random_bits
from minibnn.models.summary import table

NUMPY, EXACT = "NumPy", "bits"
MEANING = {
    NUMPY: "float32, x @ W",
    EXACT: "one bit per weight, x @ BitMatrix, exact to float32 rounding",
    "bits 16": "the same, x rounded to 16 bits, integer sums",
    "bits 8": "the same, x rounded to 8 bits, integer sums",
    "PyTorch": "float32, F.linear",
    "PyTorch int8": "its dynamic quantization of weights and x to 8 bits",
}
WIDEST = (2048, 30522)  # the last layer of the paper's language model
SHAPES = {
    "all": ((768, 768), (768, 1536), (1536, 768), (768, 4096), (4096, 2048), WIDEST),
    "small": ((768, 768), (768, 1536)),
}
ROWS = {"all": (1, 8, 64, 256), "small": (1, 64)}
GOALS = {1: 5.5, 8: 5.0, 64: 3.0, 256: 3.0}  # of exact products, times as fast as NumPy; AVX-512, two threads
GOAL_WIDEST = 25.0  # with one row
CHECKED_ROWS, CHECKED_OUTPUTS = 8, 512  # at least, and at most


def run(threads, rounds, shapes, torch=None):
    """Measure the products; a list with one dict for each shape and number of rows.

    `threads`: how many the libraries use. `shapes`: a key of SHAPES. `torch`: the module, or None to leave it out.
    Each dict has `n_in`, `n_out`, `rows`, `seconds` (of a call: dict of name to a list, one for each round) and
    `errors` (dict of name to the largest error, relative to the largest output).
    """
    results, rng = [], np.random.default_rng(0)
    with progress_bar("products", rounds * len(SHAPES[shapes]) * len(ROWS[shapes])) as advance, rivals.inference(torch):
        for n_in, n_out in SHAPES[shapes]:
            bits = random_bits((n_in, n_out), rng)
            W = bits.unpack(np.float32)
            products = products_by(W, BitMatrix(bits), torch)
            for rows in ROWS[shapes]:
                x = rng.standard_normal((max(rows, CHECKED_ROWS), n_in), np.float32)
                calls = {name: bind(x[:rows]) for name, bind in products.items()}
                seconds = measure(calls, rounds=rounds, pause=pause_for(threads), advance=advance)
                errors = errors_of(products, x, W, rows)
                results.append({"n_in": n_in, "n_out": n_out, "rows": rows, "seconds": seconds, "errors": errors})
    return results


def products_by(W, matrix, torch=None):
    """Dict of name to a function that takes x (rows, n_in), and gives a function without arguments: the product.

    `W`: zeros and ones, float32 (n_in, U). `matrix`: BitMatrix of the same. `torch`: the module or None.
    """
    products = {NUMPY: lambda x: lambda: x @ W, EXACT: functools.partial(_bind, matrix)}
    for activation_bits in (16, 8):
        rounding = copy.copy(matrix)  # over the same memory
        rounding.activation_bits = activation_bits
        products[f"bits {activation_bits}"] = functools.partial(_bind, rounding)
    if torch is not None:
        products["PyTorch"] = rivals.linear(torch, W)
        if int8 := rivals.dynamic_int8(torch, W):
            products["PyTorch int8"] = int8
    return products


def _bind(matrix, x):
    return lambda: x @ matrix


def errors_of(products, x, W, rows):
    """The largest error of each product of so many rows at a time, relative to the largest output.

    Compared in float64, at `CHECKED_OUTPUTS` outputs: all of the widest would take gigabytes.
    """
    outputs = np.unique(np.linspace(0, W.shape[1] - 1, CHECKED_OUTPUTS).astype(int))
    exact = x.astype(np.float64) @ W[:, outputs].astype(np.float64)
    errors = {}
    for name, bind in products.items():
        parts = [np.asarray(bind(x[start : start + rows])())[:, outputs] for start in range(0, len(x), rows)]
        errors[name] = float(np.abs(np.concatenate(parts) - exact).max() / np.abs(exact).max())
    return errors


def text(results):
    """What `run` returned as text: the times, and the worst of all shapes beside the goals."""
    names = [name for name in MEANING if name in results[0]["seconds"]]
    legend = "\n".join(f"  {name:13}{MEANING[name]}" for name in names)
    title = "Products: microseconds per call and, in brackets, how many times as fast as NumPy"
    return f"{title}\n{legend}\n\n{_times(results, names)}\n\n{_worst(results, names)}"


def _times(results, names):
    rows = [("in x out", "rows", *names)]
    for result in results:
        ratios, taken = ratios_of(result), median(result["seconds"])
        cells = [_microseconds(taken[n]) + ("" if n == NUMPY else f" ({_ratio(ratios[n])})") for n in names]
        rows.append((f"{result['n_in']} x {result['n_out']}", str(result["rows"]), *cells))
    return table(rows)


def ratios_of(result):
    """How many times as fast as NumPy each of them is, by the medians of one of the dicts that `run` returned."""
    taken = median(result["seconds"])
    return {name: taken[NUMPY] / seconds for name, seconds in taken.items()}


def worst_of(results):
    """Dict of name to a dict of number of rows to the smallest ratio to NumPy of all shapes."""
    worst = {}
    for result in results:
        for name, ratio in ratios_of(result).items():
            of_name = worst.setdefault(name, {})
            of_name[result["rows"]] = min(ratio, of_name.get(result["rows"], ratio))
    return worst


def _worst(results, names):
    """The smallest ratio for each number of rows, the largest error, and the goals of exact products."""
    counts = list(dict.fromkeys(result["rows"] for result in results))
    worst, widest = worst_of(results), [ratios_of(r) for r in results if _is_widest(r)]
    head = [f"{count} row" + "s" * (count > 1) for count in counts]
    rows = [("worst of all shapes", *head, *["widest, 1 row"] * len(widest), "largest error")]
    for name in names[1:]:
        cells = [_ratio(worst[name][count]) for count in counts] + [_ratio(ratios[name]) for ratios in widest]
        rows.append((name, *cells, f"{max(result['errors'][name] for result in results):.1e}"))
    goals = [_ratio(GOALS[count]) if count in GOALS else "" for count in counts]
    rows.insert(2, ("  its goal", *goals, *[_ratio(GOAL_WIDEST)] * len(widest), "2.0e-06"))
    note = "Times as fast as NumPy; goals: for two threads and AVX-512. Errors: relative to the largest output."
    return f"{table(rows)}\n{note}\n{spread_text([result['seconds'] for result in results])}"


def _is_widest(result):
    return (result["n_in"], result["n_out"], result["rows"]) == (*WIDEST, 1)


def _microseconds(seconds):
    microseconds = seconds * 1e6
    return f"{microseconds:,.1f}" if microseconds < 100 else f"{microseconds:,.0f}"


def _ratio(ratio):
    return f"{ratio:.1f}"
