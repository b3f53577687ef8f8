"""PyTorch as a rival, where it is installed: the same products and layers, as its users write them."""

import contextlib
import importlib
import warnings


def find_torch(threads, wanted=True):
    """The module torch with so many threads, or None where it is not installed or not wanted."""
    if not wanted:
        return None
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        return None
    torch.set_num_threads(threads)
    return torch


def inference(torch):
    """What a `with` around PyTorch's part needs so that it keeps no graph; `torch` may be None."""
    return torch.inference_mode() if torch else contextlib.nullcontext()


def linear(torch, W):
    """x @ W by PyTorch: a function that takes x (rows, n_in), float32, and gives a function without arguments.

    `W`: float32 (n_in, U), copied into PyTorch's own layout, (U, n_in).
    """
    weight = torch.from_numpy(W.T.copy())

    def bound(x):
        x = torch.from_numpy(x)
        return lambda: torch.nn.functional.linear(x, weight)

    return bound


def dynamic_int8(torch, W):
    """As `linear`, by PyTorch's dynamic quantization: weights of 8 bits, and x rounded to 8 bits in each call.

    None where this PyTorch has no engine for it; fbgemm is for x86.
    """
    layer = torch.nn.Linear(*W.shape, bias=False)
    layer.weight.data = torch.from_numpy(W.T.copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is about to move to another package
        try:
            torch.backends.quantized.engine = "fbgemm"
            quantize = importlib.import_module("torch.ao.quantization").quantize_dynamic
            quantized = quantize(torch.nn.Sequential(layer), {torch.nn.Linear}, dtype=torch.qint8)
        except (ImportError, AttributeError, RuntimeError):
            return None

    def bound(x):
        x = torch.from_numpy(x)
        return lambda: quantized(x)

    return bound


def convolutions(torch, x, W):
    """Dict of memory format to a function without arguments: x (B, H, W, C) convolved with W (k, k, C, F), 'same'."""
    images, kernel = torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(W).permute(3, 2, 0, 1)
    formats = {"channels last": torch.channels_last, "channels first": torch.contiguous_format}
    return {name: _convolution(torch, images, kernel, layout) for name, layout in formats.items()}


def _convolution(torch, images, kernel, layout):
    images, kernel = images.contiguous(memory_format=layout), kernel.contiguous(memory_format=layout)
    return lambda: torch.nn.functional.conv2d(images, kernel, padding="same")


def classifier(torch, parameters):
    """BCVNN (Algorithm 7) in PyTorch, Normalize over channels: a function from images (B, H, W, 3) to logits (B, V).

    `parameters`: dict of dotted name to a float32 array of zeros and ones. It keeps the channels last: so PyTorch
    convolves faster, and Normalize finds its numbers side by side.
    """
    F = torch.nn.functional
    p = {name: _own_layout(torch, torch.from_numpy(array)) for name, array in parameters.items()}

    def normalize(z):
        return F.layer_norm(z, z.shape[-1:])

    def convolve(a, name):
        z = F.conv2d(a.permute(0, 3, 1, 2), p[f"{name}.W"], p[f"{name}.b"], padding="same")
        return F.relu(normalize(z.permute(0, 2, 3, 1)))

    def connect(a, name):
        return normalize(F.linear(a, p[f"{name}.W"], p[f"{name}.b"]))

    def logits(images):
        a = images
        for block in range(1, 6):
            a = convolve(convolve(a, f"conv{block}a"), f"conv{block}b")
            a = F.max_pool2d(a.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1) if block < 5 else a.mean((1, 2))
        return connect(F.relu(connect(F.relu(connect(a, "fc1")), "fc2")), "fc3")

    return logits


def _own_layout(torch, tensor):
    """A kernel (n_in, U) as (U, n_in), (k, k, C, F) as (F, C, k, k), channels last in memory; a bias as it is."""
    if tensor.ndim == 4:
        return tensor.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    return tensor.T.contiguous() if tensor.ndim == 2 else tensor
