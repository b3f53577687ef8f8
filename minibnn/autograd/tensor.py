"""`Tensor`: an array that remembers how it was computed, and the operators that Python spells with symbols.

An operation is two adjacent thoughts: its forward value and its `vjp`, the function that turns the gradient `g` of its
result into the gradients of its parents. The operations that have names of their own (exp, softmax, conv2d, ...) are in
`minibnn.autograd.ops`; this file has the operators and methods of `Tensor` and the machinery that all of them share.
"""

import math

import numpy as np

from minibnn import kernels
from minibnn.autograd import fast_products
from minibnn.autograd.arrays import axes_of, check_broadcast, float_array, unbroadcast, with_kept_axes
from minibnn.autograd.engine import backpropagate
from minibnn.errors import InputError, InputTypeError


class Tensor:
    """An array of float32 or float64 that can be differentiated with respect to.

    `data`: anything NumPy makes an array of. A float32 or float64 array is kept as it is (and shared, not copied);
    everything else becomes float32. Do not change it between forward and backward: the vjps read it again.
    `requires_grad`: whether `backward` shall compute the gradient with respect to this tensor.
    `name`: shown by `repr` and by `minibnn.autograd.graph`.

    Attributes: `data`; `grad`, an array of the same shape and dtype or None; `requires_grad`; `operation`, the name of
    the operation that made it (None for a leaf); `parents`, the tensors it was computed from; `vjp`.
    Raises InputTypeError for data that is not real numbers.
    """

    __slots__ = ("__weakref__", "data", "grad", "name", "operation", "parents", "requires_grad", "vjp")
    __array_ufunc__ = None  # so that `array * tensor` asks the tensor, instead of making an array of objects

    def __init__(self, data, requires_grad=False, *, name=None):
        self.data = float_array(data)
        self.grad = None
        self.requires_grad = requires_grad
        self.name = name
        self.operation = None
        self.parents = ()
        self.vjp = None

    shape = property(lambda self: self.data.shape, doc="Length of each axis.")
    ndim = property(lambda self: self.data.ndim, doc="Number of axes.")
    size = property(lambda self: self.data.size, doc="Number of elements.")
    dtype = property(lambda self: self.data.dtype, doc="float32 or float64.")

    def __len__(self):
        if self.ndim == 0:
            raise InputTypeError("a tensor without axes is a single number: it has no length and no rows")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        return bool(self.item())

    def __float__(self):
        return self.item()

    def __array__(self, dtype=None, copy=None):
        raise InputTypeError("expected an array, and got a Tensor; take its .data (which leaves the graph)")

    def __repr__(self):
        values = np.array2string(self.data, precision=4, threshold=12, edgeitems=2, separator=", ", prefix="Tensor(")
        facts = [f"shape={self.shape}", str(self.dtype)]
        if self.name:
            facts.insert(0, f"'{self.name}'")
        if self.operation:
            facts.append(f"from {self.operation} of {' and '.join(str(p.name or p.shape) for p in self.parents)}")
        elif self.requires_grad:
            facts.append("leaf that requires a gradient")
        return f"Tensor({values}, {', '.join(facts)})"

    def item(self):
        """The value of a tensor with one element, as a Python float."""
        if self.size != 1:
            raise InputError(f"item() needs a tensor with exactly one element, and this one has shape {self.shape}")
        return self.data.item()

    def backward(self, grad=None):
        """Compute the gradient of this tensor with respect to every leaf below it, and *add* it to `leaf.grad`.

        `grad`: array of this tensor's shape by which the result is weighted; a tensor with one element (a loss) needs
        none and takes 1.

        Adding is what lets a batch be split into parts. So gradients must be zeroed between steps
        (`optimizer.zero_grad()`), and calling `backward` twice on the same graph doubles the gradient. The graph stays
        until the last reference to its root is gone.
        Raises InputError when no leaf requires a gradient, or when `grad` is missing or has another shape.
        """
        if not self.requires_grad:
            raise InputError(
                "backward() found nothing to differentiate: no tensor that this one was computed from requires a "
                "gradient. Make the leaf with Tensor(data, requires_grad=True), or set model.trainable = True"
            )
        if grad is None:
            if self.size != 1:
                raise InputError(
                    f"backward() starts from one number, and this tensor has shape {self.shape}: reduce it with "
                    ".sum() or .mean() first, or pass backward(grad) with an array of that shape"
                )
            grad = np.ones(self.shape, self.dtype)
        grad = np.asarray(grad, self.dtype)
        if grad.shape != self.shape:
            raise InputError(f"backward(grad) expects the tensor's own shape {self.shape}, and grad has {grad.shape}")
        backpropagate(self, grad)

    def __add__(self, other):
        x, y = _broadcastable("add", self, other)
        if x.ndim > 1 == y.ndim and x.shape[-1] == y.size > 1 and kernels.fast(x.data, y.data):
            return operation("add", *fast_products.add_row(x, y))

        def vjp(g):
            return unbroadcast(g, x.shape), unbroadcast(g, y.shape)

        return operation("add", x.data + y.data, (x, y), vjp)

    def __sub__(self, other):
        x, y = _broadcastable("subtract", self, other)

        def vjp(g):
            return unbroadcast(g, x.shape), unbroadcast(-g, y.shape)

        return operation("subtract", x.data - y.data, (x, y), vjp)

    def __mul__(self, other):
        x, y = _broadcastable("multiply", self, other)

        def vjp(g):
            gx = unbroadcast(g * y.data, x.shape) if x.requires_grad else None
            return gx, unbroadcast(g * x.data, y.shape) if y.requires_grad else None

        return operation("multiply", x.data * y.data, (x, y), vjp)

    def __truediv__(self, other):
        x, y = _broadcastable("divide", self, other)
        quotient = x.data / y.data

        def vjp(g):
            gx = unbroadcast(g / y.data, x.shape) if x.requires_grad else None
            return gx, unbroadcast(-g * quotient / y.data, y.shape) if y.requires_grad else None

        return operation("divide", quotient, (x, y), vjp)

    def __neg__(self):
        def vjp(g):
            return (-g,)

        return operation("negate", -self.data, (self,), vjp)

    def __pow__(self, exponent):
        """x ** n for a fixed number n."""
        if not isinstance(exponent, (int, float)):
            raise InputTypeError(f"x ** n expects a Python number n, and n is {type(exponent).__name__}")
        x, n = self.data, exponent

        def vjp(g):
            slope = n * x ** (n - 1) if n != 0 else np.zeros_like(x)
            return (g * slope,)

        return operation("power", x**n, (self,), vjp)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other):
        return as_tensor(other, self) - self

    def __rtruediv__(self, other):
        return as_tensor(other, self) / self

    def __matmul__(self, other):
        """Matrix product over the last two axes; the axes before them are batch axes and broadcast."""
        if not isinstance(other, Tensor) and getattr(other, "__array_ufunc__", other) is None:
            return NotImplemented  # `other` knows how to multiply: NumPy's sign for that, see `BitMatrix`
        x, y = self, as_tensor(other, self)
        _check_product(x, y)
        if x.ndim == 1:  # a single row
            return (x.reshape(1, *x.shape) @ y)[..., 0, :]
        if x.ndim > 2 and y.ndim == 2:  # many rows times one matrix: one large product is faster than many small ones
            rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
            return (rows @ y).reshape(*x.shape[:-1], y.shape[-1])
        if x.ndim == y.ndim == 2 and kernels.fast(x.data, y.data):
            return operation("matmul", *fast_products.matmul(x, y))
        if x.ndim == y.ndim > 2 and x.shape[:-2] == y.shape[:-2] and kernels.fast_in_copies(x.data, y.data):
            return operation("matmul", *fast_products.matmul_batches(x, y))

        def vjp(g):  # dz = dx y + x dy
            gx = unbroadcast(g @ y.data.swapaxes(-1, -2), x.shape) if x.requires_grad else None
            gy = unbroadcast(x.data.swapaxes(-1, -2) @ g, y.shape) if y.requires_grad else None
            return gx, gy

        return operation("matmul", x.data @ y.data, (x, y), vjp)

    def __rmatmul__(self, other):
        return as_tensor(other, self) @ self

    def sum(self, axis=None, keepdims=False):
        """Sum over `axis` (an int, a tuple of ints, or None for all)."""
        axes = axes_of(self.shape, axis)

        def vjp(g):
            return (np.broadcast_to(with_kept_axes(g, axes, keepdims), self.shape),)

        return operation("sum", self.data.sum(axes, keepdims=keepdims), (self,), vjp)

    def mean(self, axis=None, keepdims=False):
        """Mean over `axis` (an int, a tuple of ints, or None for all)."""
        axes = axes_of(self.shape, axis)
        count = math.prod(self.shape[a] for a in axes)
        if count == 0:
            raise InputError(f"mean needs at least one element, and axis {axis} of shape {self.shape} has none")

        def vjp(g):
            return (np.broadcast_to(with_kept_axes(g, axes, keepdims) / count, self.shape),)

        return operation("mean", self.data.mean(axes, keepdims=keepdims), (self,), vjp)

    def max(self, axis=None, keepdims=False):
        """Largest value over `axis`; where several elements share it, they share the gradient equally."""
        axes = axes_of(self.shape, axis)
        if math.prod(self.shape[a] for a in axes) == 0:
            raise InputError(f"max needs at least one element, and axis {axis} of shape {self.shape} has none")
        largest = self.data.max(axes, keepdims=True)

        def vjp(g):
            is_largest = self.data == largest
            share = is_largest / is_largest.sum(axes, keepdims=True)
            return (with_kept_axes(g, axes, keepdims) * share,)

        return operation("max", largest if keepdims else largest.squeeze(axes), (self,), vjp)

    def reshape(self, *shape):
        """The same elements in another shape; one length may be -1."""
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        try:
            data = self.data.reshape(shape)
        except (ValueError, TypeError):
            raise InputError(f"reshape: {self.size} elements of shape {self.shape} do not fit {tuple(shape)}") from None

        def vjp(g):
            return (g.reshape(self.shape),)

        return operation("reshape", data, (self,), vjp)

    def permute(self, *axes):
        """The axes in another order: axis i of the result is axis `axes[i]` of this tensor."""
        axes = tuple(axes[0]) if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
        if sorted(axes_of(self.shape, axes)) != list(range(self.ndim)):
            raise InputError(f"permute expects each of the axes 0 to {self.ndim - 1} once, and got {axes}")

        def vjp(g):
            return (g.transpose(np.argsort(axes_of(self.shape, axes))),)

        return operation("permute", self.data.transpose(axes), (self,), vjp)

    def __getitem__(self, index):
        """Elements, slices or rows, as NumPy indexes them; an array of integers looks up rows."""
        parts = index if isinstance(index, tuple) else (index,)
        basic = all(part is None or part is ... or isinstance(part, (int, slice)) for part in parts)
        if not basic:  # a copy, since the vjp needs the same rows when the caller may have changed the array
            index = tuple(np.array(part) if isinstance(part, (np.ndarray, list)) else part for part in parts)
        try:
            data = self.data[index]
        except IndexError as error:
            raise InputError(f"a tensor of shape {self.shape} cannot be indexed so: {error}") from None

        def vjp(g):
            grad = np.zeros(self.shape, g.dtype)
            if basic:
                grad[index] = g
            else:
                fast_products.add_at(grad, index, g)  # a row that was looked up twice receives both gradients
            return (grad,)

        return operation("index", data, (self,), vjp)


def operation(name, data, parents, vjp):
    """The result of an operation as a tensor that remembers where it came from.

    `name`: what the graph shows. `data`: the forward value. `parents`: the tensors it was computed from.
    `vjp(g)`: for a gradient `g` of the shape of `data`, returns one gradient (or None) per parent, each of that
    parent's shape. When no parent requires a gradient, nothing is remembered, and the parents' memory can be freed.
    """
    check_tensor(name, *parents)
    result = Tensor(data)
    result.operation = name
    if any(parent.requires_grad for parent in parents):
        result.requires_grad = True
        result.parents = tuple(parents)
        result.vjp = vjp
    return result


def check_tensor(name, *values):
    """Raise InputTypeError, naming the operation, unless every value is a Tensor."""
    for value in values:
        if not isinstance(value, Tensor):
            raise InputTypeError(f"{name} expects Tensors, and got {type(value).__name__}; wrap it: Tensor(array)")


def as_tensor(value, like):
    """`value` as a tensor; a plain number takes the dtype of `like`, so that `2 * x` stays float32 if x is."""
    if isinstance(value, Tensor):
        return value
    array = float_array(value)
    return Tensor(array if array.ndim else np.asarray(value, like.dtype))


def _broadcastable(name, x, y):
    y = as_tensor(y, x)
    check_broadcast(name, x.shape, y.shape)
    return x, y


def _check_product(x, y):
    if x.ndim == 0 or y.ndim < 2:
        raise InputError(f"matmul expects a matrix on the right, at least a row on the left; got {x.shape} @ {y.shape}")
    if x.shape[-1] != y.shape[-2]:
        raise InputError(
            f"matmul: the last axis of the left operand must equal the last but one of the right, and {x.shape} @ "
            f"{y.shape} has {x.shape[-1]} and {y.shape[-2]}"
        )
    check_broadcast("matmul (batch axes)", x.shape[:-2], y.shape[:-2])
