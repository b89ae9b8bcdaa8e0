import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco
from skimage.measure import label as label_components

from components.evaluation.names import SHIP_SIZES
from components.evaluation.ships import compare_ships, median_size, size_class
from components.masks.rle import encode, parse_runs

SHAPE = (14, 17)


@settings(max_examples=150, deadline=None)
@given(
    arrays(np.uint8, SHAPE, elements=st.integers(0, 1)), arrays(np.uint8, SHAPE, elements=st.integers(0, 3))
)
def test_any_mask_and_any_ships_are_counted_as_an_iou_matrix_tells(
    mask: np.ndarray, labels: np.ndarray
) -> None:
    ships = [ship for number in (1, 2, 3) if (ship := (labels == number).astype(np.uint8)).any()]
    components, count = label_components(mask, connectivity=2, return_num=True)
    coded = [
        [coco.encode(np.asfortranarray(one.astype(np.uint8))) for one in ones]
        for ones in (ships, [components == number + 1 for number in range(count)])
    ]
    ious = np.asarray(coco.iou(*coded, [0] * count)).reshape(len(ships), count)
    hits = np.array([(ious > threshold / 100 + 1e-9).sum() for threshold in range(50, 100, 5)])
    # 5 tp + 4 (ships - tp) + (components - tp)
    weighed = 4 * len(ships) + count
    told = compare_ships(mask, [parse_runs(encode(ship), *SHAPE) for ship in ships])
    assert told.f2 == pytest.approx(np.mean(5 * hits / weighed) if weighed else 1.0)
    assert (told.labelled.sum(), told.found.sum()) == (len(ships), hits[0])
    assert told.false_alarms == count - hits[0]


@pytest.mark.parametrize(
    ("area_px", "size"),
    [(1, "0-60"), (59, "0-60"), (60, "60-150"), (149.5, "60-150"), (1999, "500-2000"), (2000, "2000+")],
)
def test_the_lower_bound_belongs_to_a_class(area_px: float, size: str) -> None:
    assert SHIP_SIZES[size_class(area_px)] == size


def test_the_median_ship_tells_an_images_size() -> None:
    assert median_size([10, 70, 9000]) == "60-150"
    assert median_size([50, 69]) == "0-60"


def test_a_ship_at_the_edge_of_the_image_has_its_surroundings_cut() -> None:
    ship = np.zeros((40, 60), np.uint8)
    ship[:10, :10] = 1
    mask = ship.copy()
    mask[30:, 50:] = 1
    told = compare_ships(mask, [parse_runs(encode(ship), 40, 60)])
    assert told.dice.tolist() == [0, 1, 0, 0, 0]
    assert told.false_alarms == 1
