"""What the benchmarks of serving conclude from their measurements."""

import numpy as np
import pytest
from benchmarks.serving import overhead, take_turns
from benchmarks.soak import FLAT, faults, growth
from served_process import body


def _rows(memory_mb, **counts):
    return [{"requests": 1, "wrong": 0, "lost": 0, "server MB": one, **counts} for one in memory_mb]


def test_memory_that_fills_up_and_stays_is_flat():
    rows = _rows([500, 700, 720, 715, 720, 722, 718, 725, 723, 724])
    assert growth(rows) == pytest.approx(725 / 720 - 1)
    assert faults(rows) == ""


def test_memory_that_goes_on_growing_is_not():
    rows = _rows(np.linspace(700, 700 * (1 + 2.2 * FLAT), 10))
    assert "memory grew by" in faults(rows)


@pytest.mark.parametrize("what", ["wrong", "lost"])
def test_one_answer_that_is_not_right_is_told(what):
    assert faults(_rows([700] * 10)[1:] + _rows([700], **{what: 1})) == f"1 {what} up to request 1"


def test_overhead_is_told_with_an_interval_that_noise_widens():
    random = np.random.default_rng(0)
    shape = 100
    quiet = 0.1 * (1 + 0.01 * random.standard_normal(shape))
    noisy = 0.1 * (1 + 0.3 * random.random(shape))
    percent, low, high = overhead(quiet * 1.1, quiet)
    assert percent == pytest.approx(10)
    assert low <= percent <= high
    # Rounds are drawn as they were: what slows both down in a round widens nothing.
    assert high - low < 0.1
    _, low, high = overhead(random.permutation(noisy) * 1.1, noisy)
    assert low < 10 < high
    assert high - low > 1


def test_ways_take_turns_on_the_same_image():
    asked = []
    ways = {name: lambda number, name=name: asked.append((name, number)) for name in "ABC"}
    latencies_s = take_turns(ways, rounds=4)
    assert [name for name, _ in asked[-12:]] == list("ABCBCACABABC")
    assert [number for _, number in asked[-12:]] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert {name: len(seconds) for name, seconds in latencies_s.items()} == {"A": 4, "B": 4, "C": 4}


def test_a_body_is_tf_servings():
    assert body([b"a", b"b"]) == b'{"instances": [{"b64": "YQ=="}, {"b64": "Yg=="}]}'
