import pytest

from components.evaluation.metrics import PixelSums, dice


@pytest.mark.parametrize(
    ("counts", "expected"),
    [((0, 0, 0), 1.0), ((0, 5, 0), 0.0), ((0, 0, 5), 0.0), ((5, 0, 0), 1.0), ((1, 1, 1), 0.5)],
)
def test_dice_of_pixel_counts(counts, expected):
    assert dice(*counts) == pytest.approx(expected)


def test_sums_add_up_field_by_field():
    total = PixelSums(1, 2, 3, 4, 5, 6).plus(PixelSums(10, 20, 30, 40, 50, 60))
    assert total == PixelSums(11, 22, 33, 44, 55, 66)
