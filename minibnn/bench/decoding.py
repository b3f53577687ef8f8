"""How fast a language model of bits writes, beside the same model in float32."""

import statistics
import time

import numpy as np

from minibnn.bench import rivals
from minibnn.bench.convolution import relative_error
from minibnn.bench.float_decoders import NumPyDecoder, TorchDecoder
from minibnn.bench.timing import measure, median, pause_for, progress_bar
from minibnn.bits.packing import random_packed
from minibnn.layers import ShapesOnly
from minibnn.models import TEXT_PRESETS, generate
from minibnn.models.summary import table

PRESET = TEXT_PRESETS["blm-small"]  # of the paper: 154,406,714 parameters
CONTEXT, WRITTEN = 128, 64  # positions that each step sees; tokens that `generate` writes
GOALS = {"NumPy": 12.0, "PyTorch": 20.0}  # how many times as fast bits are; AVX-512, two threads
BITS, LOOP = "bits", "bits, generate()"
TURN = 0.2  # seconds
SAME = 1e-3  # largest difference of logits, relative to the largest of them


def random_writer():
    """A packed BLM of the preset's size with random bits."""
    model = PRESET.build(PRESET.vocab_size, rng=ShapesOnly())
    return random_packed(model, np.random.default_rng(0))


def run(threads, rounds, torch=None):
    """Measure one token after CONTEXT - 1 others, with a key-value cache.

    For the arguments see `products.run`. Returns a dict: `parameters`; `context`; `seconds` per token (dict of name to
    a list, one for each round); `differences` (dict of name to the largest difference of the logits from those of bits,
    relative to the largest). Needs 1.4 GB of memory, for the same weights in float32 twice.
    """
    packed = random_writer()
    ids = np.random.default_rng(1).integers(0, PRESET.vocab_size, (1, CONTEXT))
    past = packed.new_cache()
    packed.logits(ids[:, :-1], past=past)
    token = int(ids[0, -1])

    def step():
        for cache in past:
            cache.length = CONTEXT - 1
        return packed.logits(ids[:, -1:], past=past).data[0]

    steps = {BITS: step} | {name: lambda d=d: d(token, CONTEXT - 1) for name, d in _rivals(packed, past, torch).items()}
    with progress_bar("decoding", 2 * rounds) as advance, rivals.inference(torch):
        logits = {name: np.asarray(step()) for name, step in steps.items()}
        differences = {name: relative_error(found, logits[BITS]) for name, found in logits.items() if name != BITS}
        seconds = measure(steps, rounds=rounds, seconds=TURN, pause=pause_for(threads), advance=advance)
        seconds[LOOP] = [_written(packed, ids, advance) for _ in range(rounds)]
    found = {"parameters": packed.num_bits(), "context": CONTEXT, "seconds": seconds, "differences": differences}
    return _checked(found)


def _rivals(packed, past, torch):
    """Dict of name to decoder, with the bits as float32 and caches of their own that hold what the model's hold."""
    parameters = {name: bits.unpack(np.float32) for name, bits in packed.named_bits()}

    def caches():
        return [cache.keys[0].copy() for cache in past], [cache.values[0].copy() for cache in past]

    decoders = {"NumPy": NumPyDecoder(parameters, PRESET.num_heads, *caches())}
    if torch is not None:
        decoders["PyTorch"] = TorchDecoder(torch, parameters, PRESET.num_heads, *caches())
    return decoders


def _written(packed, ids, advance):
    """Seconds per token of a greedy text, the median, after its beginning was read; half of it is beyond CONTEXT."""
    tokens, taken = generate(packed, ids[0, : CONTEXT - WRITTEN // 2], WRITTEN + 1, temperature=0), []
    next(tokens)
    before = time.perf_counter()
    for _ in tokens:
        now = time.perf_counter()
        taken.append(now - before)
        before = now
    advance()
    return statistics.median(taken)


def _checked(found):
    """`found`, once it is sure that all of them computed the same; otherwise their times say nothing."""
    for name, difference in found["differences"].items():
        if not difference < SAME:
            raise RuntimeError(f"the logits of {name} differ from those of bits by {difference:.1e}")
    return found


def text(results):
    """What `run` returned as text."""
    taken = median(results["seconds"])
    rows = [("", "milliseconds", "tokens per second", "bits are faster", "goal", "logits differ by")]
    for name, seconds in taken.items():
        cells = (f"{1e3 * seconds:.2f}", f"{1 / seconds:,.0f}")
        if name in results["differences"]:
            goal = f"{GOALS[name]:.0f} times"
            cells += (f"{seconds / taken[BITS]:.1f} times", goal, f"{results['differences'][name]:.1e}")
        rows.append((name, *cells, *[""] * (5 - len(cells))))
    title = f"Decoding: BLM of {results['parameters']:,} parameters, one token after {results['context'] - 1} others "
    title += "(key-value cache)\n  bits         packed.logits(ids, past=past); generate(): the loop that writes a text"
    title += "\n  NumPy        float32, x @ W, exact gelu"
    if "PyTorch" in taken:
        title += "\n  PyTorch      float32, F.linear, scaled_dot_product_attention"
    return f"{title}\n\n{table(rows)}"
