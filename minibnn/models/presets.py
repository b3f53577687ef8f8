"""Named sizes and recipes: a preset is a model's configuration and how it is trained by default."""

import dataclasses
import difflib

from minibnn.errors import InputError
from minibnn.models.image_classifier import BCVNN
from minibnn.models.language_model import BLM


@dataclasses.dataclass(frozen=True)
class ImagePreset:
    """A BCVNN (Algorithm 7) and its recipe; see `BCVNN` for the first four, `WarmupDecay` for the schedule.

    `lr`: highest learning rate; `standard_lr`: that of the 32-bit twin without Normalize, which takes larger steps.
    """

    kernel_size: int = 3
    widths: tuple = (32, 64, 128, 256, 512)
    units: tuple = (512, 256)
    normalize_over: str = "channels"
    image_size: int = 64
    epochs: int = 25
    batch_size: int = 32
    lr: float = 3e-4
    standard_lr: float = 1e-3
    warmup_steps: int = 20

    def build(self, num_classes, *, standard=False, choices=None, rng=None, **options):
        """The model for `num_classes` classes, with `choices`, or its 32-bit twin (`options` go to the twin)."""
        return (BCVNN.standard if standard else BCVNN)(
            self.kernel_size,
            num_classes,
            widths=self.widths,
            units=self.units,
            normalize_over=self.normalize_over,
            choices=choices,
            rng=rng,
            **options,
        )


@dataclasses.dataclass(frozen=True)
class TextPreset:
    """A BLM (Algorithm 8) and its recipe; see `BLM` for the first five, `WarmupDecay` for the schedule.

    `lr`: highest learning rate; `standard_lr`: that of the 32-bit twin. `vocab_size`: pieces of the vocabulary that is
    built from the training text when none is given.
    """

    max_len: int = 64
    emb_dim: int = 128
    num_heads: int = 4
    mlp_units: tuple = (256, 128)
    num_blocks: int = 2
    vocab_size: int = 2048
    epochs: int = 10
    batch_size: int = 16
    lr: float = 3e-3
    standard_lr: float = 1e-3
    warmup_steps: int = 50

    def build(self, vocab_size, *, standard=False, choices=None, rng=None, **options):
        """The model for a vocabulary of `vocab_size`, with `choices`, or its 32-bit twin (`options`: mask_value)."""
        return (BLM.standard if standard else BLM)(
            self.max_len,
            self.emb_dim,
            self.num_heads,
            vocab_size,
            self.mlp_units,
            self.num_blocks,
            choices=choices,
            rng=rng,
            **options,
        )


IMAGE_PRESETS = {
    "tiny": ImagePreset(widths=(16, 32, 64, 128, 256), units=(256, 128), image_size=32),
    "small": ImagePreset(),
    # Table 1 of the paper: 256 x 256 pixels, batches of 64, a warm-up of 20 steps to 1e-4.
    "paper-3x3": ImagePreset(kernel_size=3, image_size=256, batch_size=64, epochs=1000, lr=1e-4, standard_lr=1e-4),
    "paper-5x5": ImagePreset(kernel_size=5, image_size=256, batch_size=64, epochs=1000, lr=1e-4, standard_lr=1e-4),
}

TEXT_PRESETS = {
    "tiny": TextPreset(),
    "small": TextPreset(128, 256, 8, (1024, 512), 4, 4096, lr=1e-3),
    # Tables 3 and 4 of the paper; the batch size is not given there.
    "blm-small": TextPreset(256, 768, 16, (4096, 2048), 12, 30522, epochs=100, lr=1e-5, standard_lr=1e-5),
    "blm-large": TextPreset(256, 1024, 16, (8192, 4096), 16, 30522, epochs=100, lr=1e-5, standard_lr=1e-5),
}


def preset_named(name, presets):
    """The preset of that name. Raises InputError, with the nearest name, for one that does not exist."""
    if isinstance(name, str) and name in presets:
        return presets[name]
    near = difflib.get_close_matches(str(name), presets, 1)
    raise InputError(
        f"unknown preset {name!r}; there are {', '.join(presets)}" + (f". Did you mean {near[0]!r}?" if near else "")
    )
