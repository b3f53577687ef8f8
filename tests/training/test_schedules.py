import math
from itertools import pairwise

import pytest

from minibnn.errors import InputError
from minibnn.training import WarmupDecay


def test_the_warm_up_climbs_in_equal_parts_and_never_wastes_a_step():
    schedule = WarmupDecay(1e-4, 20, 1100)
    assert [schedule(step) for step in (0, 1, 19)] == pytest.approx([5e-6, 1e-5, 1e-4])
    assert schedule(20) == 1e-4


@pytest.mark.parametrize(
    ("shape", "halfway", "end", "twice"),
    [
        ("constant", 1.0, 1.0, 1.0),
        ("linear", 0.55, 0.1, 0.1),
        ("cosine", 0.55, 0.1, 0.1),
        ("exponential", math.sqrt(0.1), 0.1, 0.1),
        ("inverse", 1 / 1.5, 1 / 2, 1 / 3),
    ],
)
def test_every_shape_has_its_documented_values(shape, halfway, end, twice):
    schedule = WarmupDecay(1.0, 10, 100, shape, floor=0.1)
    assert schedule(10) == 1.0
    assert [schedule(60), schedule(110), schedule(210)] == pytest.approx([halfway, end, twice])
    assert schedule(10**9) == pytest.approx(1.0 if shape == "constant" else 0.1)


@pytest.mark.parametrize("shape", ["linear", "cosine", "exponential", "inverse"])
def test_the_decay_falls_at_every_step(shape):
    schedule = WarmupDecay(1.0, 0, 50, shape, floor=0.01)
    values = [schedule(step) for step in range(51)]
    assert values[0] == 1.0
    assert all(a > b for a, b in pairwise(values))


def test_the_last_step_of_the_plan_still_learns():
    schedule = WarmupDecay(1.0, 20, 100)
    assert schedule(119) > 0
    assert schedule(120) == 0


def test_cosine_a_quarter_of_the_way():
    assert WarmupDecay(2.0, 0, 4)(1) == pytest.approx(1 + math.cos(math.pi / 4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, 1, 1, "cubic"), "shape: expected one of constant, linear"),
        ((0.0, 1, 1), "peak"),
        ((math.inf, 1, 1), "peak"),
        ((1.0, -1, 1), "warmup_steps"),
        ((1.0, 1, 0), "decay_steps"),
        ((1.0, 1, 1.5), "decay_steps"),
        ((1.0, 1, 1, "linear", 2.0), "floor: expected a learning rate from 0 to the peak 1.0, got 2.0"),
        ((1.0, 1, 1, "exponential"), "floor"),
    ],
)
def test_bad_settings_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        WarmupDecay(*arguments)


def test_a_negative_step_is_refused():
    with pytest.raises(InputError, match="step: expected a whole number >= 0, got -1"):
        WarmupDecay(1.0, 1, 1)(-1)
