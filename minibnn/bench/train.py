"""`minibnn bench train`: what a training step takes, binary and standard, beside the same model in PyTorch."""

import dataclasses
import math
import resource
import tracemalloc

import numpy as np

from minibnn import kernels
from minibnn.bench import profile as profiling
from minibnn.bench import startup, torch_models
from minibnn.bench.rivals import find_torch, inference
from minibnn.bench.timing import machine, machine_text, measure, median, pause_for, progress_bar, spread_text
from minibnn.layers.module import evaluating
from minibnn.layers.one_hot import OneHot
from minibnn.models import BCVNN, BLM
from minibnn.models.summary import table as as_table
from minibnn.training import Adam, AdamW, cross_entropy
from minibnn.training.memory import keep_freed_memory


@dataclasses.dataclass(frozen=True)
class ImageCase:
    """A BCVNN in training: see `BCVNN`; `side`: pixels; `goals`: binary and standard step over PyTorch's."""

    kernel_size: int = 3
    widths: tuple = (32, 64, 128, 256, 512)
    units: tuple = (512, 256)
    num_classes: int = 10
    side: int = 64
    batch: int = 32
    goals: tuple = (None, None)

    def data(self, rng):
        """Images and labels."""
        images = rng.normal(size=(self.batch, self.side, self.side, 3)).astype(np.float32)
        return images, rng.integers(0, self.num_classes, self.batch)

    def build(self, standard, rng):
        """The model and its optimizer."""
        kind = BCVNN.standard if standard else BCVNN
        model = kind(self.kernel_size, self.num_classes, widths=self.widths, units=self.units, rng=rng)
        return model, Adam(model.parameters())

    def rivals(self, torch, x):
        """PyTorch's model in both memory formats: a dict of name to (model, optimizer, x)."""
        found = {}
        images = torch.from_numpy(x).permute(0, 3, 1, 2)
        for name, layout in (("channels last", torch.channels_last), ("channels first", torch.contiguous_format)):
            shape = self.kernel_size, self.num_classes, self.widths, self.units
            model = torch_models.classifier(torch, *shape, layout)
            found[name] = model, torch.optim.Adam(model.parameters()), images.contiguous(memory_format=layout)
        return found


@dataclasses.dataclass(frozen=True)
class TextCase:
    """A BLM in training: see `BLM`; `goals`: binary and standard step over PyTorch's."""

    max_len: int = 128
    emb_dim: int = 256
    num_heads: int = 8
    vocab_size: int = 4096
    mlp_units: tuple = (1024, 512)
    num_blocks: int = 4
    batch: int = 8
    goals: tuple = (None, None)

    def shape(self):
        """The arguments that build the model."""
        return self.max_len, self.emb_dim, self.num_heads, self.vocab_size, self.mlp_units, self.num_blocks

    def data(self, rng):
        """Token ids and the ids that follow them."""
        return rng.integers(0, self.vocab_size, (2, self.batch, self.max_len))

    def build(self, standard, rng):
        """The model and its optimizer."""
        model = (BLM.standard if standard else BLM)(*self.shape(), rng=rng)
        return model, AdamW(model.parameters())

    def rivals(self, torch, x):
        """PyTorch's model: a dict of name to (model, optimizer, x)."""
        model = torch_models.language_model(torch, *self.shape())
        return {"torch": (model, torch.optim.AdamW(model.parameters()), torch.from_numpy(x))}


CASES = {
    "BCVNN 3x3": ImageCase(goals=(0.65, 1.1)),
    "BCVNN 5x5": ImageCase(kernel_size=5, goals=(0.8, 1.1)),
    "BLM": TextCase(goals=(0.6, 1.1)),
    "demo BCVNN": ImageCase(widths=(16, 32, 64, 128, 256), units=(256, 128), num_classes=12, side=32),
    "demo BLM": TextCase(64, 128, 4, 2048, (256, 128), 2, 16),
}
SMALL_CASES = {
    "tiny BCVNN": ImageCase(widths=(4, 4, 8, 8, 8), units=(8, 8), side=16, batch=2),
    "tiny BLM": TextCase(8, 16, 2, 50, (16, 16), 1, 2),
}
GROWTH = {
    "batch": [(n, ImageCase(batch=n)) for n in (1, 8, 32, 128)],
    "pixels of a side": [(n, ImageCase(side=n, batch=4)) for n in (32, 64, 128, 256)],
    "tokens": [(n, TextCase(max_len=n)) for n in (32, 128, 512)],
    "width": [(n, TextCase(emb_dim=n, mlp_units=(4 * n, 2 * n))) for n in (128, 256, 512)],
}


def run(threads=2, rounds=5, cases="all", *, growth=True, profile=False, with_torch=True, report=None):
    """Measure all cases; a dict of part to what it found, which JSON can hold.

    Args:
        threads: of each library, see `minibnn.bench.packed.run`.
        rounds: how often each candidate takes its turn.
        cases: "all", or "small" for a quick look.
        growth: whether to measure how a step grows with batch, image, sequence and width.
        profile: whether to find out where the time of the binary steps goes.
        with_torch: whether to measure PyTorch too, where it is installed.
        report: None, or a function that is given each part as text when it is done.
    """
    torch = find_torch(threads, with_torch)
    keep_freed_memory()
    report = report or (lambda text: None)
    found = {"machine": machine(threads), "peak": _peak(threads), "steps": {}}
    report(f"{machine_text(found['machine'])}\nmatrix products here reach {found['peak']:.0f} GFLOP/s")
    chosen = CASES if cases == "all" else SMALL_CASES
    for name, case in chosen.items():
        found["steps"][name] = _step(name, case, threads, rounds, torch)
    report(steps_text(found))
    found["memory"] = {name: _memory(case) for name, case in chosen.items()}
    report(memory_text(found["memory"]))
    name = next(iter(chosen))
    found["startup"] = startup.run(cases, name)
    report(startup.text(name, found["startup"]))
    if profile:
        found["profile"] = {name: _profile(case) for name, case in chosen.items()}
        report("\n\n".join(profiling.text(name, part) for name, part in found["profile"].items()))
    if growth:
        found["growth"] = {name: _growth(name, sizes, threads, rounds) for name, sizes in GROWTH.items()}
        report(growth_text(found["growth"]))
    return found


def first_step(cases, name):
    """One step of the binary model of that name. `cases`: see `run`."""
    case, rng = (CASES if cases == "all" else SMALL_CASES)[name], np.random.default_rng(0)
    x, labels = case.data(rng)
    step_of(*case.build(False, rng), x, labels)()


def step_of(model, optimizer, x, labels):
    """A function without arguments that takes one training step of ours."""

    def step():
        optimizer.zero_grad()
        cross_entropy(model.logits(x), labels).backward()
        optimizer.step()

    return step


def _step(name, case, threads, rounds, torch):
    """Milliseconds of a training step and of inference, by candidate, and multiplications of a step."""
    rng = np.random.default_rng(0)
    x, labels = case.data(rng)
    ours = {kind: case.build(kind == "standard", rng) for kind in ("binary", "standard")}
    steps = {kind: step_of(*pair, x, labels) for kind, pair in ours.items()}
    steps["binary, reference path"] = _on_reference_path(steps["binary"])
    forward = {kind: _forward(model, x) for kind, (model, _) in ours.items()}
    if torch:
        for layout, (model, optimizer, inputs) in case.rivals(torch, x).items():
            target = torch.from_numpy(labels)
            steps[f"PyTorch, {layout}"] = torch_models.training_step(torch, model, optimizer, inputs, target)
            forward[f"PyTorch, {layout}"] = _torch_forward(torch, model, inputs)
    found = {"multiplications": multiplications(ours["binary"][0], x)}
    for part, candidates in (("training", steps), ("inference", forward)):
        with progress_bar(f"{part} of {name}", rounds) as advance:
            taken = measure(candidates, rounds=rounds, seconds=0.05, pause=pause_for(threads), advance=advance)
        found[part] = {kind: 1000 * seconds for kind, seconds in median(taken).items()}
        found[f"{part} rounds"] = taken
    return found


def _profile(case):
    rng = np.random.default_rng(0)
    x, labels = case.data(rng)
    model, optimizer = case.build(False, rng)
    return profiling.profile(model, step_of(model, optimizer, x, labels))


def _memory(case):
    """What a binary step allocates: its peak in bytes, and the pages that the system had to hand out for it.

    And its longest kernel call, see `profiling.longest_call`.
    """
    rng = np.random.default_rng(0)
    step = step_of(*case.build(False, rng), *case.data(rng))
    for _ in range(3):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        step()
    faults = (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 3
    tracemalloc.start()
    start = tracemalloc.get_traced_memory()[0]
    step()
    peak = tracemalloc.get_traced_memory()[1] - start
    tracemalloc.stop()
    return {"peak bytes": peak, "new pages": faults, "longest call": profiling.longest_call(step)}


def _on_reference_path(step):
    def slow_step():
        with kernels.reference_path():
            step()

    return slow_step


def _forward(model, x):
    def forward():
        with evaluating(model):
            return model.logits(x)

    return forward


def _torch_forward(torch, model, x):
    def forward():
        model.eval()
        with inference(torch):
            model(x)
        model.train()

    return forward


def multiplications(model, x):
    """Multiplications of one forward pass: each kernel's size times the number of rows or pixels it is used for."""
    count = 0
    with _counting(model) as used:
        with evaluating(model):
            model.logits(x)
        for layer, rows in used:
            count += math.prod(layer.W.shape) * rows
    return count


class _counting:
    """Inside the `with`, remembers how many rows or pixels each layer with a kernel was called for."""

    def __init__(self, model):
        self.layers = [layer for _, layer in model.named_modules() if hasattr(layer, "W")]

    def __enter__(self):
        used = []
        for layer in self.layers:
            layer.forward = self._remembering(layer, layer.forward, used)
        return used

    def __exit__(self, *_):
        for layer in self.layers:
            del layer.forward

    @staticmethod
    def _remembering(layer, forward, used):
        def remembering(x, **options):
            if not isinstance(x, OneHot):  # a row that is looked up takes no multiplication
                used.append((layer, math.prod(x.shape[:-1])))
            return forward(x, **options)

        return remembering


def _peak(threads, size=1024):
    """GFLOP/s of the best product of two float32 matrices that was found here."""
    a, b, y = (np.ones((1, 1, size, size), np.float32) for _ in range(3))
    candidates = {"numpy": lambda: a[0, 0] @ b[0, 0]}
    if kernels.fast(a):
        candidates["minibnn"] = lambda: kernels.convolve_floats(a, b, y, kernels.num_threads())
    taken = measure(candidates, rounds=3, seconds=0.1, pause=pause_for(threads))
    return 2 * size**3 / min(median(taken).values()) / 1e9


def _growth(name, sizes, threads, rounds):
    """Milliseconds of a binary training step for each size."""
    found = {}
    for size, case in sizes:
        rng = np.random.default_rng(0)
        step = step_of(*case.build(False, rng), *case.data(rng))
        with progress_bar(f"{name} {size}", rounds) as advance:
            taken = measure({"step": step}, rounds=rounds, seconds=0.05, pause=pause_for(threads), advance=advance)
        found[str(size)] = 1000 * median(taken)["step"]
    return found


def rival(times):
    """Milliseconds of PyTorch's faster layout; nan where it was not measured."""
    return min((t for kind, t in times.items() if kind.startswith("PyTorch")), default=math.nan)


def steps_text(found):
    """The training steps and the inference as two tables."""
    parts = []
    for part in ("training", "inference"):
        head = ["model", "PyTorch ms", "binary ms", "ratio", "standard ms", "ratio"]
        rows = [head + (["reference ms", "peak"] if part == "training" else [])]
        for name, case in found["steps"].items():
            times = case[part]
            row = [name, _ms(rival(times))]
            for kind in ("binary", "standard"):
                row += [_ms(times[kind]), f"{times[kind] / rival(times):.2f}"]
            if part == "training":
                gflops = 3 * 2 * case["multiplications"] / times["binary"] / 1e6
                row += [_ms(times["binary, reference path"]), f"{gflops / found['peak']:.0%}"]
            rows.append(row)
        parts.append(f"{part.capitalize()}, one {'step' if part == 'training' else 'forward pass'}\n{as_table(rows)}")
    goals = ", ".join(f"{name} {case.goals}" for name, case in CASES.items() if case.goals[0])
    rounds = [case[f"{part} rounds"] for case in found["steps"].values() for part in ("training", "inference")]
    parts.append(
        "ratio: our time over that of PyTorch's float model, in the faster of its two memory formats; below 1 is\n"
        f"faster. Goals of the training step, binary and standard: {goals}.\n"
        "peak: multiplications of the binary step over what matrix products of floats reach on this machine.\n"
        f"{spread_text(rounds)}"
    )
    return "\n\n".join(parts)


def memory_text(found):
    """Memory of a step, one line for each model."""
    rows = [["model", "peak MB", "pages from the system", "longest kernel call", "ms"]]
    for name, m in found.items():
        kernel, longest = m["longest call"]
        rows.append([name, f"{m['peak bytes'] / 1e6:.1f}", f"{m['new pages']:.0f}", kernel, f"{longest:.1f}"])
    return f"Memory of a binary training step, beside parameters and optimizer\n{as_table(rows)}"


def growth_text(growth):
    """How a step grows, one line for each quantity."""
    lines = ["Growth of the binary training step, ms"]
    for name, times in growth.items():
        lines.append(f"{name}: " + ", ".join(f"{size} {_ms(ms)}" for size, ms in times.items()))
    return "\n".join(lines)


def _ms(milliseconds):
    return f"{milliseconds:.1f}"
