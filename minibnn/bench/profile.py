"""Where the time of a training step goes: by kernel, and by layer forward and backward."""

import time
from collections import Counter

from minibnn import kernels
from minibnn.models.summary import table as as_table

SHOWN = 12  # kernels and layers, the longest first


def profile(model, step, steps=5):
    """Milliseconds of one step: a dict of `total`, and of `kernels` and `layers` by name.

    `model`: what `step`, a function without arguments, trains. Each kernel is a call from NumPy and Python into
    compiled code; the name of a layer stands for its forward pass, and with "vjp" for the operations of its backward
    pass. What is in no kernel is NumPy's and Python's own.
    """
    step()
    by_kernel, by_layer = Counter(), Counter()
    with _timed_kernels(_adding_to(by_kernel)), _timed_layers(model, _adding_to(by_layer)):
        start = time.perf_counter()
        for _ in range(steps):
            step()
        total = time.perf_counter() - start
    return {
        "total": 1000 * total / steps,
        "kernels": {name: 1000 * seconds / steps for name, seconds in by_kernel.most_common()},
        "layers": {name: 1000 * seconds / steps for name, seconds in by_layer.most_common()},
    }


def longest_call(step):
    """The kernel call of a step that takes longest: (name, milliseconds). A Ctrl-C waits for the end of a call."""
    longest = {}

    def keep(name, seconds):
        longest[name] = max(seconds, longest.get(name, 0))

    step()
    with _timed_kernels(keep):
        step()
    name = max(longest, key=longest.get)
    return name, 1000 * longest[name]


def text(name, found):
    """What `profile` returned as two tables."""
    total, inside = found["total"], sum(found["kernels"].values())
    rest = {"NumPy and Python": total - inside}
    parts = [f"{name}: {total:.1f} ms a step"]
    for head, times in (("kernel", found["kernels"] | rest), ("layer", found["layers"])):
        longest = sorted(times.items(), key=lambda item: -item[1])[:SHOWN]
        rows = [[head, "ms", "share"], *([key, f"{ms:.2f}", f"{ms / total:.0%}"] for key, ms in longest)]
        parts.append(as_table(rows))
    return "\n\n".join(parts)


class _timed_kernels:
    """Inside the `with`, each call of a function of `minibnn.kernels` is told to `record`, by name and seconds."""

    def __init__(self, record):
        self.record, self.before = record, {}

    def __enter__(self):
        for name in kernels.KERNELS:
            function = getattr(kernels, name)
            if hasattr(function, "py_func") or name in ("multiply_bits", "convolve_bits"):
                self.before[name] = function
                setattr(kernels, name, _timed(function, self.record, name))

    def __exit__(self, *_):
        for name, function in self.before.items():
            setattr(kernels, name, function)


class _timed_layers:
    """Inside the `with`, each layer with a kernel is told to `record`, forward and backward."""

    def __init__(self, model, record):
        self.layers = [(name, layer) for name, layer in model.named_modules() if hasattr(layer, "W")]
        self.record = record

    def __enter__(self):
        for name, layer in self.layers:
            layer.forward = self._timed_layer(name, layer.forward)

    def __exit__(self, *_):
        for _, layer in self.layers:
            del layer.forward

    def _timed_layer(self, name, forward):
        def timed(x, **options):
            start = time.perf_counter()
            result = forward(x, **options)
            self.record(name, time.perf_counter() - start)
            self._time_vjps(result, x, f"{name} vjp")
            return result

        return timed

    def _time_vjps(self, result, x, name):
        """Time the vjps of all tensors between the layer's input and its result."""
        unseen, seen = [result], {id(x)}
        while unseen:
            tensor = unseen.pop()
            if id(tensor) in seen or tensor.vjp is None:
                continue
            seen.add(id(tensor))
            tensor.vjp = _timed(tensor.vjp, self.record, name)
            unseen.extend(tensor.parents)


def _adding_to(total):
    """A record that adds up the seconds of each name."""

    def add(name, seconds):
        total[name] += seconds

    return add


def _timed(function, record, name):
    def timed(*arguments, **options):
        start = time.perf_counter()
        result = function(*arguments, **options)
        record(name, time.perf_counter() - start)
        return result

    return timed
