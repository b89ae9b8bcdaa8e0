"""What waits between the two passes over the images."""

import os
import pickle

import pytest

from components.ship_example_gen.labels import LabelRow
from components.ship_example_gen.measuring import LabelledImage, Measure, Measured
from components.ship_example_gen.settings import IngestionSettings
from components.ship_example_gen.stored_lists import StoredLists


@pytest.fixture
def measure() -> Measure:
    return Measure("labels.csv", IngestionSettings())


def test_measurements_come_back_list_by_list(data_set, measure, tmp_path, ship):
    rows = (LabelRow(2, ship(2, 2)), LabelRow(3, "1 2 3"))
    odd = LabelledImage(os.fsdecode(b"not-utf8-\xff.jpg"), "", ())
    images = [LabelledImage("image0.jpg", str(data_set.images / "image0.jpg"), rows), odd]
    # As a worker in another process would have it.
    worker: Measure = pickle.loads(pickle.dumps(measure))
    whole = worker(images[0], (data_set.images / "image0.jpg").read_bytes())
    broken = worker(odd, b"")
    lists: StoredLists[Measured] = StoredLists(str(tmp_path), "measured")
    lists.write(0, [whole])
    lists.write(1, [broken, whole])
    lists.write(1, [broken, whole])
    assert (lists.read(0), lists.read(1)) == ([whole], [broken, whole])
    assert whole.is_decodable and not broken.is_decodable
    assert (whole.label.ships, broken.scalars) == ((ship(2, 2),), {})
    assert whole.label.faults == ("odd number of values: 3 (line 3)",)


def test_an_image_that_cannot_be_decoded_is_checked_against_the_size_of_a_tile(measure):
    within, beyond = (
        LabelledImage("a.jpg", "", (LabelRow(2, f"{start} 5"),)) for start in (589_820, 589_821)
    )
    assert measure(within, b"").label.faults == ()
    assert "768 x 768" in measure(beyond, b"").label.faults[0]
