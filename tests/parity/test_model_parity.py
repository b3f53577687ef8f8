"""The two models and their 32-bit twins against PyTorch: probabilities, every gradient, and the logits."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers.parameters import randomize
from parity import reference
from parity.comparison import MODEL_CASES, SEEDS, assert_parity
from parity.reference import torch

from minibnn.models import BCVNN, BLM

pytestmark = [pytest.mark.parity, pytest.mark.parametrize("dtype", [np.float64, np.float32])]
OVER = st.sampled_from(["channels", "example"])
MASK_VALUE = st.sampled_from([-math.inf, -1.0e-10])


def assert_model_parity(model, paper, x, rng, dtype, **options):
    """The whole of `assert_parity`, then the logits, by the same tolerances."""
    assert_parity(model, paper, [x], rng, dtype, **options)
    p = {name: torch.tensor(tensor.data) for name, tensor in model.named_parameters()}
    logits = paper(p, torch.tensor(x), trainable=True, activate=False).numpy()
    tolerance = {np.float64: 1e-12, np.float32: 1e-5}[dtype]
    np.testing.assert_allclose(model.logits(x).data, logits, rtol=0, atol=tolerance * np.abs(logits).max())


def image_case(build, rng, dtype, kernel_size, height, width, over, **parts):
    sizes = {"widths": tuple(rng.integers(8, 13, size=5)), "units": (12, 10)}
    model = randomize(build(kernel_size, 8, **sizes, normalize_over=over, rng=rng), rng, dtype)
    paper = functools.partial(reference.bcvnn, normalize_over=over, **parts)
    image = rng.uniform(-1, 1, size=(1, height, width, 3)).astype(dtype)
    assert_model_parity(model, paper, image, rng, dtype)


IMAGES = {"kernel_size": st.integers(1, 4), "height": st.integers(16, 19), "width": st.integers(16, 19), "over": OVER}


@MODEL_CASES
@given(seed=SEEDS, **IMAGES)
def test_bcvnn(dtype, seed, **sizes):
    image_case(BCVNN, np.random.default_rng(seed), dtype, **sizes)


@pytest.mark.parametrize("normalized", [False, True])
@MODEL_CASES
@given(seed=SEEDS, **IMAGES)
def test_standard_classifier(dtype, normalized, seed, **sizes):
    build = functools.partial(BCVNN.standard, normalize=normalized, dropout=(0, 0))
    parts = {
        "convolution": functools.partial(reference.standard_cvl, normalized=normalized),
        "dense": functools.partial(reference.standard_fcl, normalized=normalized),
    }
    image_case(build, np.random.default_rng(seed), dtype, **sizes, **parts)


def language_case(build, rng, dtype, batch, num_heads, num_blocks, mask_value, invariant=(), **parts):
    config = {
        "max_len": 6,
        "vocab_size": 11,
        "num_heads": num_heads,
        "num_blocks": num_blocks,
        "mask_value": mask_value,
    }
    model = build(6, 8, num_heads, 11, (7, 6), num_blocks, mask_value=mask_value, rng=rng)
    seq = rng.integers(11, size=(batch, rng.integers(2, 7)))
    paper = functools.partial(reference.blm, config=config, **parts)
    assert_model_parity(randomize(model, rng, dtype), paper, seq, rng, dtype, invariant=invariant)


TEXTS = {
    "batch": st.integers(1, 3),
    "num_heads": st.sampled_from([1, 2, 4]),
    "num_blocks": st.integers(1, 2),
    "mask_value": MASK_VALUE,
}


@MODEL_CASES
@given(seed=SEEDS, **TEXTS)
def test_blm(dtype, seed, **sizes):
    language_case(BLM, np.random.default_rng(seed), dtype, **sizes)


@MODEL_CASES
@given(seed=SEEDS, **TEXTS)
def test_standard_language_model(dtype, seed, **sizes):
    parts = {"dense": reference.standard_fcl, "norm": reference.scaled_normalize, "invariant": ["key.b"]}
    language_case(BLM.standard, np.random.default_rng(seed), dtype, **sizes, **parts)
