"""The measuring pass over several lists of images."""

import apache_beam as beam
import pytest
from told import told_progress

from components.ship_example_gen.measuring import LabelledImage, Measure, Measured
from components.ship_example_gen.measuring_pass import measure_by_beam
from components.ship_example_gen.settings import IngestionSettings
from components.ship_example_gen.stored_lists import StoredLists

# A stage as a whole.
pytestmark = pytest.mark.slow

COUNT = 600


def test_each_image_of_each_list_is_measured_in_its_place_and_told(data_set, tmp_path):
    paths = [*sorted(data_set.images.iterdir()), data_set.images / "nowhere.jpg"]
    images = [
        (place, LabelledImage(f"{place}.jpg", str(paths[place % len(paths)]), ())) for place in range(COUNT)
    ]
    known: StoredLists[Measured] = StoredLists(str(tmp_path), "measured")
    with told_progress() as told:
        measure_by_beam(beam.Pipeline, images, Measure("labels.csv", IngestionSettings()), known, "Stage")
    measured = [one for number in range(3) for one in known.read(number)]
    assert [one.image_id for one in measured] == [image.image_id for _, image in images]
    for place in range(len(paths), COUNT):
        assert measured[place].sha1 == measured[place % len(paths)].sha1
    assert told[-1].done == COUNT and len(told) > 1
