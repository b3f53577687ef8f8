"""Convolutions with bits beside their rivals, layer by layer and as a whole classifier: the time of a forward pass."""

import numpy as np

from minibnn.autograd import Tensor, ops
from minibnn.bench import rivals
from minibnn.bench.timing import measure, median, pause_for, progress_bar
from minibnn.bits import BitKernel
from minibnn.bits.packing import random_bits, random_packed
from minibnn.layers import ShapesOnly
from minibnn.models import BCVNN
from minibnn.models.summary import table

BITS, FLOAT = "bits", "minibnn float32"
# Side of the images, channels, filters: the ten convolutions of BCVNN with images of 64 x 64 pixels.
LAYERS = {
    "all": (
        *((64, 3, 32), (64, 32, 32), (32, 32, 64), (32, 64, 64), (16, 64, 128)),
        *((16, 128, 128), (8, 128, 256), (8, 256, 256), (4, 256, 512), (4, 512, 512)),
    ),
    "small": ((64, 3, 32), (16, 64, 128)),
}
BATCH = {"all": 32, "small": 4}
CLASSES, SIDE = 10, 64  # of the whole classifier


def run(threads, rounds, shapes, torch=None):
    """Measure; a dict with `batch`, `kernel_size`, `layers` and `model`.

    For the arguments see `products.run`. `layers`: a list of dicts with `side`, `channels`, `filters`, `seconds` (dict
    of name to a list, one for each round) and `error`, the largest difference of bits from minibnn's float32, relative
    to the largest output. `model`: a dict with `seconds` and `error` of the whole BCVNN 3x3.
    """
    rng, batch, layers = np.random.default_rng(0), BATCH[shapes], []
    options = {"rounds": rounds, "pause": pause_for(threads)}
    with progress_bar("convolution", rounds * (len(LAYERS[shapes]) + 1)) as advance, rivals.inference(torch):
        for side, channels, filters in LAYERS[shapes]:
            calls = layer_calls(side, channels, filters, batch, torch, rng)
            seconds = measure(calls, advance=advance, **options)
            error = relative_error(calls[BITS](), 2 * calls[FLOAT]().data)
            layers.append({"side": side, "channels": channels, "filters": filters, "seconds": seconds, "error": error})
        calls = model_calls(batch, torch, rng)
        model = {"seconds": measure(calls, advance=advance, **options)}
        model["error"] = relative_error(calls[BITS]().data, calls[FLOAT]().data)
    return {"batch": batch, "kernel_size": 3, "layers": layers, "model": model}


def layer_calls(side, channels, filters, batch, torch, rng):
    """Dict of name to a function without arguments, which convolves images (batch, side, side, channels), 3 x 3.

    Floats compute with half of the ones: minibnn looks up what it can see to be bits, whoever brings it.
    """
    x = rng.standard_normal((batch, side, side, channels), np.float32)
    bits = random_bits((3, 3, channels, filters), rng)
    kernel, W = BitKernel(bits), bits.unpack(np.float32)
    half = Tensor(W / 2)
    calls = {FLOAT: lambda: ops.conv2d(Tensor(x), half), BITS: lambda: kernel.convolve(x)}
    if torch is not None:
        formats = rivals.convolutions(torch, x, W)
        calls |= {f"PyTorch, {name}": call for name, call in formats.items()}
    return calls


def model_calls(batch, torch, rng):
    """Dict of name to a function without arguments: the logits of BCVNN 3x3, with the same bits in each.

    By floats it is the 32-bit twin with Normalize, which takes out that its parameters are halves (see `layer_calls`).
    """
    packed = random_packed(BCVNN(3, CLASSES, rng=ShapesOnly()), rng)
    parameters = {name: bits.unpack(np.float32) for name, bits in packed.named_bits()}
    floats = BCVNN.standard(3, CLASSES, normalize=True, rng=rng)
    floats.trainable = False
    for name, parameter in floats.named_parameters():
        parameter.data[...] = parameters[name] / 2
    images = rng.uniform(-1, 1, (batch, SIDE, SIDE, 3)).astype(np.float32)
    calls = {FLOAT: lambda: floats.logits(images), BITS: lambda: packed.logits(images)}
    if torch is not None:
        logits, tensor = rivals.classifier(torch, parameters), torch.from_numpy(images)
        calls["PyTorch, channels last"] = lambda: logits(tensor)
    return calls


def relative_error(found, expected):
    """The largest difference, relative to the largest value expected."""
    return float(np.abs(np.asarray(found) - expected).max() / np.abs(expected).max())


def text(results):
    """What `run` returned as text."""
    shown = [(f"{r['side']} x {r['side']}, {r['channels']} -> {r['filters']}", r) for r in results["layers"]]
    shown.append((f"BCVNN 3x3, {CLASSES} classes", results["model"]))
    has_torch = any("PyTorch" in name for name in results["model"]["seconds"])
    rows = [("pixels, channels", "float32", *["PyTorch"] * has_torch, "bits", "error of bits")]
    for name, result in shown:
        taken = best_format(median(result["seconds"]))
        rivals_taken = [taken[key] for key in (FLOAT, "PyTorch") if key in taken]
        cells = [f"{1e3 * s:.2f} ({s / taken[BITS]:.1f})" for s in rivals_taken]
        rows.append((name, *cells, f"{1e3 * taken[BITS]:.2f}", f"{result['error']:.1e}"))
    title = (
        f"Convolution, 3 x 3, batches of {results['batch']}: milliseconds per call, and in brackets how many times as "
        "fast bits are\n  float32      minibnn's own, with weights that are not bits"
    )
    if has_torch:
        title += "\n  PyTorch      float32, in the better of its memory formats"
    return f"{title}\n\n{table(rows)}"


def best_format(taken):
    """The medians with PyTorch's memory formats as one, the faster."""
    formats = [seconds for name, seconds in taken.items() if name.startswith("PyTorch")]
    own = {name: seconds for name, seconds in taken.items() if not name.startswith("PyTorch")}
    return own | ({"PyTorch": min(formats)} if formats else {})
