import json

import numpy as np

from minibnn import kernels
from minibnn.bench import profile, startup, train


def test_a_small_run_measures_every_part():
    parts = []
    found = train.run(2, 1, "small", growth=False, profile=True, with_torch=False, report=parts.append)
    assert json.loads(json.dumps(found)) == json.loads(json.dumps(found, sort_keys=True))
    assert found["steps"].keys() == found["memory"].keys() == found["profile"].keys() == train.SMALL_CASES.keys()
    assert min(found["startup"].values()) > 0
    assert parts[-2] == startup.text("tiny BCVNN", found["startup"])
    for name, memory in found["memory"].items():
        kernel, milliseconds = memory["longest call"]
        assert kernel in kernels.KERNELS
        assert 0 < milliseconds < found["profile"][name]["total"] * 100
    assert all(len(line) <= 120 for part in parts for line in part.splitlines())


def test_the_longest_call_is_one_call_and_not_a_sum():
    short, long = np.zeros(10, np.float32), np.zeros(1 << 22, np.float32)

    def step():
        for _ in range(50):
            kernels.relu(short, short.copy(), 1)
        kernels.copy(long, long.copy(), 1)

    before = kernels.copy
    name, milliseconds = profile.longest_call(step)
    assert name == "copy"
    assert milliseconds > 0
    assert kernels.copy is before  # the timing is gone
