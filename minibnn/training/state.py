"""Where a run is: everything that training needs to go on from here as if it had never stopped."""

from minibnn.errors import InputError
from minibnn.training.checkpoints import set_weights, weights_of
from minibnn.training.metrics import FlipCounter, RunningAverage

COUNTS = ("epoch", "batch", "step")


class TrainingState:
    """A model in training: its weights, its optimizer, where in the data it is, and what this epoch came to so far.

    `epoch`: the one that it is in, from 1. `batch`: how many batches of it are done. `step`: how many steps in all.
    `losses`, `accuracies`: RunningAverage over these batches. `flips`: FlipCounter since the epoch began. `history`:
    the records of the epochs before. The order of the data and its augmentation follow from the seed and these numbers
    (see `fit`), so that they need no state; dropout does, and has it here.

    Args:
        model: Module.
        optimizer: Optimizer over its parameters.
        history: list of records to go on from, and to append to; None for a new one.

    Raises:
        InputError: if the last record of the history does not say where it ended.
    """

    def __init__(self, model, optimizer, history=None):
        self.model, self.optimizer = model, optimizer
        self.history = [] if history is None else history
        last_epoch, self.step = _end_of(self.history)
        self.epoch, self.flips = last_epoch + 1, FlipCounter(model)
        self._generators = [
            module.dropout_rng.bit_generator for _, module in model.named_modules() if getattr(module, "dropout", 0)
        ]
        self._start_epoch()
        self._keep_random()

    def _start_epoch(self):
        self.batch, self.losses, self.accuracies = 0, RunningAverage(), RunningAverage()

    def _keep_random(self):
        self._random = [generator.state for generator in self._generators]  # of the end of a step, never of its middle

    def count_step(self, loss, accuracy, count):
        """Take in that a step was made: its mean loss and accuracy (floats) over `count` labels."""
        self.losses.add(loss, count)
        self.accuracies.add(accuracy, count)
        self.batch += 1
        self.step += 1
        self._keep_random()

    def end_epoch(self, record):
        """Take in the record (dict) of the epoch, and begin the next one."""
        self.history.append(record)
        self.epoch += 1
        self.flips.ratio()
        self._start_epoch()

    def header(self):
        """The numbers that make up the state, as JSON can hold them."""
        averages = {"loss": self.losses, "accuracy": self.accuracies}
        return {
            **{name: getattr(self, name) for name in COUNTS},
            "averages": {name: [average.total, average.count] for name, average in averages.items()},
            "random": [_in_words(state) for state in self._random],
        }

    def arrays(self):
        """The arrays that make up the state, by name, not copied."""
        optimizer = {f"optimizer.{name}": array for name, array in self.optimizer.named_arrays()}
        flips = {f"flips.{number}": packed for number, packed in enumerate(self.flips.before)}
        return weights_of(self.model) | optimizer | flips

    def load(self, header, arrays, path):
        """Go back to a state that `header` and `arrays` describe; the history stays as it is.

        Raises InputError, which names the file `path`, if they are not of this model and optimizer.
        """
        parts = {"model": {}, "optimizer": {}, "flips": {}}
        for name, array in arrays.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = array
        set_weights(self.model, parts["model"], path)
        try:
            counts = [_count(header[name]) for name in COUNTS]
            averages = [header["averages"][name] for name in ("loss", "accuracy")]
            totals = [(float(total), _count(count)) for total, count in averages]
            random = [_as_numbers(state) for state in header["random"]]
            flips = [parts["flips"][str(number)] for number in range(len(self.flips.before))]
            if [packed.shape for packed in flips] != [packed.shape for packed in self.flips.before]:
                raise ValueError("it counts the flips of other bits")
            self.optimizer.load_state(parts["optimizer"])
            for generator, state in zip(self._generators, random, strict=True):
                generator.state = state
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"cannot go on from {str(path)!r}: it is not a state of this model in training ({error}); "
                "take another checkpoint, or train again"
            ) from error
        self.epoch, self.batch, self.step = counts
        for average, (total, count) in zip((self.losses, self.accuracies), totals, strict=True):
            average.total, average.count = total, count
        self.flips.before = flips
        self._keep_random()


def _count(number):
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r} is no count")
    return number


def _in_words(state):
    """A generator's state with its whole numbers, which have up to 128 bits, as texts: JSON has smaller ones."""
    if isinstance(state, dict):
        return {key: _in_words(value) for key, value in state.items()}
    return hex(state) if type(state) is int else state


def _as_numbers(state):
    if isinstance(state, dict):
        return {key: _as_numbers(value) for key, value in state.items()}
    return int(state, 16) if isinstance(state, str) and state.startswith("0x") else state


def _end_of(history):
    """The (epoch, step) at which the last record of a history ends; (0, 0) if it has none."""
    last = history[-1] if history else {"epoch": 0, "step": 0}
    if not isinstance(last, dict) or not all(
        type(last.get(key)) is int and last[key] >= 0 for key in ("epoch", "step")
    ):
        raise InputError(f"history: expected records of fit, with whole numbers 'epoch' and 'step', got {last!r} last")
    return last["epoch"], last["step"]
