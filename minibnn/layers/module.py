"""`Module`: what every layer and model shares - parameters in forward order, the flag `trainable`, checked calls."""

import inspect
import math
from contextlib import contextmanager

import numpy as np

from minibnn.autograd import Tensor
from minibnn.errors import InputError, InputTypeError
from minibnn.layers.choices import DEFAULT


class Module:
    """A layer or a model: parameters, child modules, and a `forward`.

    A subclass assigns its parameters (Tensors) and children (Modules, or lists of them) to attributes in forward order,
    defines `forward`, and may define `check`, which raises InputError for inputs that `forward` cannot take.
    Calling the module checks its inputs and runs `forward`.
    """

    binary = False  # whether the tensors that this module itself holds are latent weights, used as bits in `forward`
    choices = DEFAULT  # see `Choices`; a layer that was told others has its own
    _trainable = True
    _was_called = False

    def __call__(self, *inputs, **options):
        inputs = tuple(as_input(x) for x in inputs)
        try:
            self.check(*inputs)
        except TypeError:
            _check_count(self, inputs)
            raise
        if not self._was_called:  # once: it costs a pass over the data, and a broken pipeline is broken at once
            for x in inputs:
                _check_finite(type(self).__name__, x)
            self._was_called = True
        return self.forward(*inputs, **options)

    def forward(self, *inputs):
        """The algorithm; each subclass has its own."""
        raise TypeError(f"{type(self).__name__} has no forward: a Module's subclass must define it")

    def check(self, *inputs):
        """Raise InputError unless `forward` can take these inputs."""

    @property
    def trainable(self):
        """Algorithm 1, line 1: whether gradients flow to the latent weights (and dropout drops), here and below."""
        return self._trainable

    @trainable.setter
    def trainable(self, flag):
        self._trainable = bool(flag)
        for _, child in self.named_children():
            child.trainable = flag

    def named_children(self):
        """Pairs (name, module) of the modules directly below this one, in forward order."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, list):
                yield from ((f"{name}.{i}", item) for i, item in enumerate(value) if isinstance(item, Module))

    def named_modules(self, prefix=""):
        """Pairs (dotted name, module) of this module and all below it, in forward order."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def named_parameters(self):
        """List of pairs (dotted name, Tensor), in forward order."""
        return [pair for name, module in self.named_modules() for pair in module._own_parameters(name)]

    def named_latent_weights(self):
        """Those of `named_parameters` of which the forward pass uses only the bit: in a binary model, all of them."""
        return [pair for name, module in self.named_modules() if module.binary for pair in module._own_parameters(name)]

    def latent_thresholds(self):
        """Dict from the dotted name of each latent weight to the threshold by which its bits are made (Eq. 1)."""
        modules, latent = dict(self.named_modules()), self.named_latent_weights()
        return {name: modules.get(name.rpartition(".")[0], self).choices.threshold for name, _ in latent}

    def parameters(self):
        """List of all parameter Tensors, in forward order."""
        return [tensor for _, tensor in self.named_parameters()]

    def num_parameters(self):
        """Number of parameters: elements of kernels, biases, scales and shifts."""
        return sum(math.prod(tensor.shape) for tensor in self.parameters())

    def _own_parameters(self, prefix):
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                yield (f"{prefix}.{name}" if prefix else name), value

    def __repr__(self):
        unit = "one-bit parameters" if self.named_latent_weights() else "parameters"
        return f"{type(self).__name__}({self.num_parameters():,} {unit})"


@contextmanager
def evaluating(model):
    """Inside the `with` nothing in `model` is trainable; afterwards each module is again as it was, after an error too.

    A model that is no Module has no such flag, and is left alone.
    """
    modules = [module for _, module in model.named_modules()] if isinstance(model, Module) else []
    before = [module.trainable for module in modules]
    try:
        for module in modules:
            module.trainable = False
        yield
    finally:
        for module, flag in zip(modules, before, strict=True):  # a parent first: its flag reaches all below it
            module.trainable = flag


class ShapesOnly:
    """Stands in for a numpy.random.Generator: every kernel is one zero seen from all sides, and takes no memory.

    `BLM(..., rng=ShapesOnly())` has the shapes, names and parameter count of the real model, which may need gigabytes.
    """

    def uniform(self, low, high, size):
        """A read-only float32 array of shape `size` that occupies four bytes."""
        return np.broadcast_to(np.float32(0), size)

    def spawn(self, n_children):
        """Itself, n times."""
        return [self] * n_children


def as_generator(rng):
    """`rng`, or a freshly seeded numpy.random.Generator for None. Raises InputTypeError for anything else."""
    if rng is None:
        return np.random.default_rng()
    if not isinstance(rng, (np.random.Generator, ShapesOnly)):
        raise InputTypeError(f"rng expects a numpy.random.Generator, such as np.random.default_rng(0), and got {rng!r}")
    return rng


def glorot_uniform(rng, shape):
    """Latent weights uniform in +-sqrt(6 / (fan_in + fan_out)), float32.

    `shape`: (..., n_in, n_out); the axes before are a convolution's window and count for both fans.
    """
    window = math.prod(shape[:-2])
    limit = math.sqrt(6 / max(1, window * (shape[-2] + shape[-1])))
    return rng.uniform(-limit, limit, shape).astype(np.float32, copy=False)


def check_positive(owner, **sizes):
    """Raise InputError unless each named size is an int of at least 1."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise InputError(f"{owner}: {name} must be a whole number of at least 1, and is {size!r}")


def check_sizes(owner, name, sizes, count):
    """`sizes` as a tuple; raises InputError unless they are `count` ints of at least 1."""
    if not isinstance(sizes, (tuple, list)) or len(sizes) != count:
        raise InputError(f"{owner}: {name} expects {count} sizes, and got {sizes!r}")
    check_positive(owner, **{f"{name}[{i}]": size for i, size in enumerate(sizes)})
    return tuple(sizes)


def as_input(x):
    """An input as `forward` takes it: float arrays as Tensors, everything else as it is."""
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        return Tensor(x)
    return x


def check_float(owner, x, expected):
    """Raise unless `x` is a Tensor; `expected` says in words what the layer takes."""
    if not isinstance(x, Tensor):
        kind = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
        raise InputTypeError(f"{owner} expects {expected} as a float32 or float64 array or a Tensor, and got {kind}")


def _check_count(module, inputs):
    """Raise InputTypeError if the module cannot be called with so many inputs."""
    try:
        inspect.signature(module.check).bind(*inputs)
    except TypeError:
        raise InputTypeError(
            f"{type(module).__name__} takes {inspect.signature(module.forward)}, inputs by position, and got "
            f"{len(inputs)} input{'' if len(inputs) == 1 else 's'}"
        ) from None


def _check_finite(owner, x):
    if not isinstance(x, Tensor) or np.isfinite(x.data).all():
        return
    wrong = ~np.isfinite(x.data)
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    raise InputError(
        f"{owner}: the input of its first call has {wrong.sum()} of {x.size} values that are not finite, the first at "
        f"index {first}: {x.data[first]}. Look for a division by zero or a missing value where it was made"
    )
