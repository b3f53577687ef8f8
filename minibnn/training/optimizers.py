"""Optimizers: how a gradient becomes a change of the (latent) weights.

Each `update` reads as its equations, one line or two per equation, and works in place: no array is allocated during a
step. The parameters are walked in blocks small enough to stay in the processor's cache, because an update is a handful
of passes over four arrays, and a pass over memory costs more than its arithmetic.

The optimizers know nothing of bits. A binary layer keeps float *latent* weights, the gradient reaches them straight
through the quantizer, and a bit flips whenever an update carries its latent weight across the mean (Eq. 1).
"""

import abc
import math
from numbers import Real

import numpy as np

from minibnn import kernels
from minibnn.errors import InputError, InputTypeError

BLOCK = 16_384  # elements; five float32 blocks are 320 kB, which fits the level-2 cache of a current processor


class Optimizer(abc.ABC):
    """What all optimizers share: the list of parameters, the learning rate, and the state kept for each parameter.

    `lr` is a plain attribute: a schedule sets it before each step. `steps` (int64, one entry a parameter) counts the
    updates each parameter has had.
    """

    slots: tuple[str, ...] = ()  # names of the arrays kept for every parameter, each of the parameter's shape

    def __init__(self, parameters, lr):
        self.parameters = _checked_parameters(parameters)
        self.lr = _checked_lr(lr)
        self._kinds = [(parameter.data.dtype, parameter.data.shape) for parameter in self.parameters]
        self.steps = np.zeros(len(self.parameters), dtype=np.int64)
        self._state = {
            slot: [np.zeros(parameter.data.shape, parameter.data.dtype) for parameter in self.parameters]
            for slot in self.slots
        }
        self._scratch = {parameter.data.dtype: np.empty(BLOCK, parameter.data.dtype) for parameter in self.parameters}

    def step(self):
        """Update every parameter from its gradient, in place.

        A parameter whose `grad` is None took no part in the loss: it is skipped, and its count of steps stays.

        Raises:
            InputError: if a parameter or its gradient has not the dtype and shape that the parameter had when the
                optimizer was made. No parameter has been changed then.
        """
        for index, (parameter, kind) in enumerate(zip(self.parameters, self._kinds, strict=True)):
            _check_kind(f"parameter {index}", parameter.data, kind)
            if parameter.grad is not None:
                _check_kind(f"the gradient of parameter {index}", parameter.grad, kind)
        for index, parameter in enumerate(self.parameters):
            if parameter.grad is None:
                continue
            self.steps[index] += 1
            state = [self._state[slot][index] for slot in self.slots]
            self.update_whole(parameter.data, parameter.grad, int(self.steps[index]), *state)

    def update_whole(self, p, g, t, *state):
        """Update a whole parameter in place, block by block; see `update`."""
        for block_p, block_g, s, *block_state in _blocks(p, g, state, self._scratch[p.dtype]):
            self.update(block_p, block_g, s, t, *block_state)

    @abc.abstractmethod
    def update(self, p, g, s, t, *state):
        """Update one block of a parameter in place.

        Args:
            p: part of the parameter, changed in place.
            g: the same part of its gradient, not changed.
            s: scratch of the same shape, contents arbitrary.
            t: which update of this parameter this is, counted from 1.
            state: the same part of each array in `slots`, changed in place.
        """

    def zero_grad(self):
        """Forget the gradients (set them to None).

        `backward` *adds* to `.grad`, so that a tensor used twice gets the sum of both paths; without this call the
        gradients of the last batch would be added too.
        """
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self):
        """Return all that is needed to go on later, as a flat dict of fresh arrays.

        Returns:
            dict: `"lr"` (float64, shape ()), `"steps"` (int64, one entry a parameter), and for each kept array
            `"<slot>.<index of the parameter>"`, in the parameter's shape and dtype. Settings that never change (betas,
            eps, ...) are not in it: they belong to the constructor.
        """
        return {name: array.copy() for name, array in self.named_arrays()}

    def named_arrays(self):
        """Yield the pairs (name, array) of `state_dict`; those of the state are not copied."""
        yield "lr", np.array(self.lr, dtype=np.float64)
        yield "steps", self.steps
        for slot in self.slots:
            yield from ((f"{slot}.{index}", array) for index, array in enumerate(self._state[slot]))

    def load_state(self, state):
        """Take over a state made by `state_dict` of the same kind of optimizer over the same parameters.

        Raises:
            InputError: naming the entry that is missing, unknown, or of another shape or dtype, or if the learning rate
                is no finite number >= 0; nothing has changed then.
        """
        expected = dict(self.named_arrays())
        if missing := sorted(expected.keys() - state.keys()):
            raise InputError(f"the optimizer state lacks {missing[0]!r}: was it saved by another kind of optimizer?")
        if unknown := sorted(state.keys() - expected.keys()):
            raise InputError(f"the optimizer state has {unknown[0]!r}, which {type(self).__name__} does not keep")
        arrays = {name: np.asarray(value) for name, value in state.items()}
        for name, want in expected.items():
            _check_kind(f"optimizer state {name!r}", arrays[name], (want.dtype, want.shape))
        self.lr = _checked_lr(float(arrays["lr"]))
        self.steps[:] = arrays["steps"]
        for slot in self.slots:
            for index, array in enumerate(self._state[slot]):
                array[...] = arrays[f"{slot}.{index}"]


class SGD(Optimizer):
    """Stochastic gradient descent, with heavy-ball momentum on request.

    With gradient g, momentum mu and learning rate lr, and u = 0 at the start:

        u <- mu u + g
        p <- p - lr u

    Args:
        parameters: list of Tensors of float dtype, each only once.
        lr: learning rate, >= 0.
        momentum: mu, in [0, 1). With 0 no velocity is kept.

    Raises:
        InputError: if an argument is out of its range, or the parameters are none, not floats, read-only or doubled.

    Source: Polyak (1964), in the form of `torch.optim.SGD` (the learning rate outside the velocity).
    """

    def __init__(self, parameters, lr, momentum=0.0):
        self.momentum = _checked("momentum", momentum, lambda value: 0 <= value < 1, "a number in [0, 1)")
        self.slots = ("velocity",) if self.momentum > 0 else ()
        super().__init__(parameters, lr)

    def update(self, p, g, s, t, *state):
        """Apply the equations of the class to one block; see `Optimizer.update`."""
        if self.momentum > 0:
            (u,) = state
            u *= self.momentum
            u += g  # u = mu u + g
            g = u
        np.multiply(g, self.lr, out=s)
        p -= s  # p = p - lr u


class Adam(Optimizer):
    """Adam: every weight gets its own step size, from running means of its gradient and of the gradient's square.

    With gradient g, m = v = 0 at the start, and t = 1, 2, ...:

        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    The two divisions by 1 - beta^t undo the start at zero: at t = 1 they make m equal g and v equal g^2. The code uses
    the same rule with these scalars multiplied out (the end of section 2 of the source), which saves a pass:

        c = sqrt(1 - beta2^t)
        p <- p - (lr c / (1 - beta1^t)) m / (sqrt(v) + eps c)

    Args:
        parameters: list of Tensors of float dtype, each only once.
        lr: learning rate, >= 0. The paper trains the BCVNN with a peak of 1e-4 (see `WarmupDecay`).
        betas: (beta1, beta2), each in [0, 1).
        eps: > 0; keeps a weight with no gradient so far from dividing 0 by 0.

    Raises:
        InputError: if an argument is out of its range, or the parameters are none, not floats, read-only or doubled.

    Source: Kingma and Ba, "Adam" (arXiv 1412.6980), Algorithm 1.
    """

    slots = ("m", "v")

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(parameters, lr)
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise InputError(f"betas: expected a pair (beta1, beta2), got {betas!r}")
        self.betas = tuple(_checked("each of betas", b, lambda value: 0 <= value < 1, "in [0, 1)") for b in betas)
        self.eps = _checked("eps", eps, lambda value: value > 0, "a finite number > 0")

    decay = 1.0  # what p is multiplied by before each step

    def update_whole(self, p, g, t, *state):
        """The same numbers in one pass by all threads, where the fast path serves these arrays."""
        if not kernels.fast(p, g, *state):
            super().update_whole(p, g, t, *state)
            return
        c = math.sqrt(1 - self.betas[1] ** t)
        betas, gains = (tuple(map(np.float32, pair)) for pair in (self.betas, [1 - beta for beta in self.betas]))
        numbers = map(np.float32, (self.eps * c, self.lr * c / (1 - self.betas[0] ** t), self.decay))
        flat = [array.reshape(-1) for array in (p, g, *state)]
        kernels.adam(*flat, betas, gains, *numbers, kernels.parts(p.size))

    def update(self, p, g, s, t, *state):
        """Apply the equations of the class to one block; see `Optimizer.update`."""
        m, v = state
        beta1, beta2 = self.betas
        c = math.sqrt(1 - beta2**t)

        m *= beta1
        np.multiply(g, 1 - beta1, out=s)
        m += s  # m = beta1 m + (1 - beta1) g

        v *= beta2
        np.multiply(g, g, out=s)
        s *= 1 - beta2
        v += s  # v = beta2 v + (1 - beta2) g^2

        np.sqrt(v, out=s)
        s += self.eps * c
        np.divide(m, s, out=s)
        s *= self.lr * c / (1 - beta1**t)
        p -= s  # p = p - (lr c / (1 - beta1^t)) m / (sqrt(v) + eps c)


class AdamW(Adam):
    """Adam with decoupled weight decay: the decay acts on the weight itself and never enters m or v.

        p <- (1 - lr weight_decay) p
        then Adam's update

    For a binary layer the decay is no small thing to think about: bits are `W > mean(W)`, so shrinking all latent
    weights of a tensor by one factor flips no bit, but makes the next flips cheaper.

    Args:
        parameters: list of Tensors of float dtype, each only once.
        lr: learning rate, >= 0. The paper trains the BLM with 1e-5.
        betas: (beta1, beta2), each in [0, 1).
        eps: > 0.
        weight_decay: >= 0.

    Raises:
        InputError: if an argument is out of its range, or the parameters are none, not floats, read-only or doubled.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization" (arXiv 1711.05101), Algorithm 2, in the form
    of `torch.optim.AdamW` (the decay is multiplied by lr). The paper gives no decay; 0.01 is PyTorch's default.
    """

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(parameters, lr, betas, eps)
        self.weight_decay = _checked("weight_decay", weight_decay, lambda value: value >= 0, "a finite number >= 0")

    @property
    def decay(self):
        """1 - lr weight_decay."""
        return 1 - self.lr * self.weight_decay

    def update(self, p, g, s, t, *state):
        """Apply the equations of the class to one block; see `Optimizer.update`."""
        p *= self.decay  # p = (1 - lr weight_decay) p
        super().update(p, g, s, t, *state)


def _blocks(p, g, state, scratch):
    """Yield (p, g, scratch, *state) block by block; p and state as views, so that changes reach the arrays."""
    if not p.flags.c_contiguous:  # a flat view is impossible, so take it whole
        yield p, g, np.empty_like(p), *state
        return
    flat = [array.reshape(-1) for array in (p, g, *state)]
    for start in range(0, p.size, BLOCK):
        p, g, *rest = (array[start : start + BLOCK] for array in flat)
        yield p, g, scratch[: p.size], *rest


def _checked_parameters(parameters):
    parameters = list(parameters)
    if not parameters:
        raise InputError("parameters: expected at least one Tensor, got none; pass model.parameters()")
    for index, parameter in enumerate(parameters):
        data = getattr(parameter, "data", None)
        if not isinstance(data, np.ndarray) or not hasattr(parameter, "grad"):
            raise InputTypeError(
                f"parameters[{index}]: expected a Tensor, got {type(parameter).__name__}; pass model.parameters()"
            )
        if not np.issubdtype(data.dtype, np.floating):
            raise InputTypeError(f"parameters[{index}]: expected a float dtype, got {data.dtype}")
        if not data.flags.writeable:
            raise InputError(f"parameters[{index}]: its array is read-only and cannot be trained; pass a copy of it")
    if len({id(parameter) for parameter in parameters}) < len(parameters):
        raise InputError("parameters: the same Tensor is in the list twice and would be updated twice a step")
    return parameters


def _check_kind(name, array, kind):
    """Raise InputError unless `array` is an array of that kind, a pair (dtype, shape)."""
    is_array = isinstance(array, (np.ndarray, np.generic))  # NumPy makes a sum of arrays of shape () a np.generic
    if not is_array or (array.dtype, array.shape) != kind:
        got = f"{array.dtype} of shape {array.shape}" if is_array else type(array).__name__
        raise InputError(f"{name}: expected {kind[0]} of shape {kind[1]}, got {got}")


def _checked_lr(lr):
    return _checked("lr", lr, lambda value: value >= 0, "a finite number >= 0")


def _checked(name, value, valid, expected):
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or not valid(value):
        raise InputError(f"{name}: expected {expected}, got {value!r}")
    return float(value)
