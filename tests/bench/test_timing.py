"""How candidates are timed, with a clock that only moves when a test says so."""

import itertools

import pytest

from minibnn.bench.timing import (
    PAUSE,
    machine,
    machine_text,
    measure,
    median,
    pause_for,
    progress_bar,
    spread,
    spread_text,
)


class Watch:
    """A clock, and candidates that take a known time and write down when they were called."""

    def __init__(self):
        self.now, self.log = 0.0, []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.log.append(("rest", seconds))
        self.now += seconds

    def candidate(self, name, *costs):
        """Its first call takes the first of `costs`, and so on; the last stands for all that follow."""
        remaining = list(costs)

        def call():
            self.log.append((name, self.now))
            self.now += remaining.pop(0) if len(remaining) > 1 else remaining[0]

        return call

    def measure(self, candidates, **options):
        return measure(candidates, clock=self.clock, sleep=self.sleep, **options)


@pytest.fixture
def watch():
    return Watch()


def turns(log):
    """The names in the order of their turns."""
    return [after for (before, _), (after, _) in itertools.pairwise(log) if before == "rest"]


def test_candidates_take_turns_and_each_round_begins_with_another(watch):
    candidates = {name: watch.candidate(name, 1) for name in "abc"}
    taken = watch.measure(candidates, rounds=4, seconds=2, pause=0.5)
    assert turns(watch.log) == list("abcbcacababc")
    assert {pause for name, pause in watch.log if name == "rest"} == {0.5}
    assert taken == {"a": [1] * 4, "b": [1] * 4, "c": [1] * 4}


def test_each_is_called_once_before_the_first_turn_because_it_may_compile(watch):
    candidates = {"a": watch.candidate("a", 100, 1), "b": watch.candidate("b", 50, 2)}
    taken = watch.measure(candidates, rounds=3, seconds=4)
    assert [name for name, _ in watch.log[:3]] == ["a", "b", "rest"]
    assert median(taken) == {"a": 1, "b": 2}


def test_a_turn_warms_up_and_then_lasts_as_long_as_asked(watch):
    watch.measure({"a": watch.candidate("a", 1)}, rounds=1, seconds=10)
    assert [name for name, _ in watch.log] == ["a", "rest", *["a"] * (5 + 10)]


def test_a_call_that_takes_longer_than_a_turn_is_made_twice(watch):
    assert watch.measure({"a": watch.candidate("a", 7)}, rounds=2, seconds=0.01) == {"a": [7, 7]}
    assert [name for name, _ in watch.log].count("a") == 1 + 2 * 2


def test_a_call_that_had_to_wait_for_a_core_does_not_count(watch):
    assert watch.measure({"a": watch.candidate("a", 1, 1, 1, 40, 1)}, rounds=1, seconds=44) == {"a": [1]}


def test_the_median_of_the_rounds_counts():
    assert median({"a": [9, 1, 2], "b": [4, 2]}) == {"a": 2, "b": 3}


def test_unsteady_rounds_are_not_believed():
    steady = [{"a": [1.0, 1.1], "b": [2.0, 2.0]}, {"c": [4.0, 40.0]}]
    assert spread(steady) == pytest.approx(1.1)
    assert spread_text(steady).endswith("took 1.10 times as long as its fastest.")
    assert "measure again" in spread_text([{"a": [1.0, 1.6]}])


def test_each_round_moves_the_bar(watch):
    moved = []
    watch.measure({"a": watch.candidate("a", 1)}, rounds=3, advance=lambda: moved.append(1))
    assert len(moved) == 3


def test_only_one_thread_needs_no_rest():
    assert (pause_for(1), pause_for(2), pause_for(8)) == (0, PAUSE, PAUSE)


def test_a_bar_is_drawn_on_terminals_only(capsys, monkeypatch):
    with progress_bar("products", 2) as advance:
        advance()
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress_bar("products", 2) as advance:
        advance()
    out, err = capsys.readouterr()
    assert out == ""
    assert "measuring products" in err


def test_the_machine_is_described():
    found = machine(2)
    assert found["cpu"]
    assert found["cores"] >= 1
    text = machine_text(found | {"avx512": False, "versions": found["versions"] | {"torch": None}})
    for part in (found["cpu"], "2 threads", "without AVX-512", "NumPy 2", "Numba 0", "no PyTorch", found["date"]):
        assert part in text
    torch = {"torch": "2.13.0"}
    assert "PyTorch 2.13.0" in machine_text(found | {"versions": found["versions"] | torch})
