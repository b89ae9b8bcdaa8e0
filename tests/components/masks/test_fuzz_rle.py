"""Any text is the runs that a slow reading of the rules gives, or an RleError where that finds a fault."""

import re

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.masks.rle import RleError, decode, encode, encode_runs, parse_runs

HEIGHT, WIDTH = 6, 7

# Numbers near what 32 and 64 bits hold wrap around where somebody forgot them.
_NUMBERS = st.integers(-3, 50) | st.sampled_from(
    [base + offset for base in (0, 2**31, 2**32, 2**63, 2**64, 10**18, 10**40) for offset in range(-2, 3)]
)
_TOKENS = (
    _NUMBERS.map(str)
    | st.sampled_from(
        [
            "",
            "+1",
            "1.0",
            "1e1",
            "0x1",
            "00001",
            "-0",
            "--1",
            "1_0",
            "\u0661",
            "\xb2",
            "\xbd",
            "nan",
            "\0",
            ",",
        ]
    )
    | st.text(max_size=3)
)
_BLANKS = st.sampled_from([" ", " ", " ", "  ", "\t", "\n", "\r\n", "\xa0", "\u3000", "\x1c", ""])
_SPELLED = st.lists(st.tuples(_TOKENS, _BLANKS), max_size=9).map(lambda parts: "".join(map("".join, parts)))
# Mostly right, so that faults are looked for behind good runs too.
_RUNS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=7).map(
    lambda steps: " ".join(
        f"{1 + sum(map(sum, steps[:at])) + gap} {length}" for at, (gap, length) in enumerate(steps)
    )
)


@settings(deadline=None)
@given(st.text(max_size=30) | _SPELLED | _RUNS)
@example("18446744073709551617 1")
@example("1 18446744073709551617")
def test_any_text_is_read_by_the_rules(encoded):
    expected = _slowly(encoded)
    try:
        runs = parse_runs(encoded, HEIGHT, WIDTH)
    except RleError as error:
        assert expected is None, f"{encoded!r}: {error}"
        return
    assert expected is not None, f"{encoded!r} is refused by the slow reading"
    mask = decode(encoded, HEIGHT, WIDTH)
    assert mask.tolist() == expected
    assert runs.area_px == mask.sum()
    assert np.array_equal(decode(encode_runs(runs), HEIGHT, WIDTH), mask)
    assert np.array_equal(decode(encode(mask), HEIGHT, WIDTH), mask)


def _slowly(encoded):
    """Rows of the mask, pixel by pixel; None if the text breaks a rule."""
    tokens = encoded.split()
    if len(tokens) % 2 or not all(re.fullmatch("-?[0-9]+", token, re.ASCII) for token in tokens):
        return None
    values = list(map(int, tokens))
    painted = set()
    for start, length in zip(values[::2], values[1::2], strict=True):
        if start < 1 or length < 1 or start + length - 1 > HEIGHT * WIDTH:
            return None
        if painted and start <= max(painted):
            return None
        painted.update(range(start, start + length))
    return [[int(column * HEIGHT + row + 1 in painted) for column in range(WIDTH)] for row in range(HEIGHT)]
