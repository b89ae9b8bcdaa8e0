"""Holds the answers of one server against those of another."""

from collections.abc import Sequence

from other_servers.exchange import Answer, Answers

# float32 by another build of TensorFlow, and through JSON.
PROBABILITY_TOLERANCE = 1e-5

Row = dict[str, str | float | int]


def compare(reference: Answers, other: Answers) -> Row:
    """A row of the table; `differ` counts answers of which any output differs."""
    pairs = _pairs(reference.answers, other.answers)
    off = max(abs(one.ship_probability - two.ship_probability) for one, two in pairs)
    return {
        "server": other.server,
        "protocol": other.protocol,
        "answers": len(pairs),
        "largest difference of ship_probability": off,
        "other encoded_pixels": sum(one.encoded_pixels != two.encoded_pixels for one, two in pairs),
        "other ship_pixels": sum(one.ship_pixels != two.ship_pixels for one, two in pairs),
        "differ": sum(not _same(one, two) for one, two in pairs),
        "damaged image": "refused" if other.damaged else "answered",
    }


def is_alike(row: Row) -> bool:
    """Whether a row shows the same answers, and the damaged image refused."""
    return not row["differ"] and row["damaged image"] == "refused"


def _pairs(first: Sequence[Answer], second: Sequence[Answer]) -> list[tuple[Answer, Answer]]:
    return list(zip(first, second, strict=True))


def _same(one: Answer, two: Answer) -> bool:
    # NaN is like nothing.
    near = abs(one.ship_probability - two.ship_probability) <= PROBABILITY_TOLERANCE
    return near and (one.encoded_pixels, one.ship_pixels) == (two.encoded_pixels, two.ship_pixels)
