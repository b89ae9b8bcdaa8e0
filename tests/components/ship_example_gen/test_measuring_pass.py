"""The measuring pass in processes, as for thousands of images."""

import os
import signal
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pytest
from told import told_progress

from components import parallel
from components.ship_example_gen.decoding import Decoded
from components.ship_example_gen.measuring import LabelledImage, Measure, Measured
from components.ship_example_gen.measuring_pass import measure_by_beam
from components.ship_example_gen.overlaps import SceneGroups
from components.ship_example_gen.settings import IngestionSettings
from components.ship_example_gen.stored_lists import StoredLists

# Stages as a whole, in processes.
pytestmark = pytest.mark.slow

COUNT = 600


@dataclass(frozen=True)
class Deadly(Measure):
    """Stands for a library that brings its process down over one image."""

    image_id: str = ""

    def decoded(self, image: LabelledImage, image_bytes: bytes, decoded: Decoded) -> Measured:
        if image.image_id == self.image_id:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().decoded(image, image_bytes, decoded)


@pytest.fixture
def images(data_set) -> list[tuple[int, LabelledImage]]:
    """More than two lists of them, from five files and one that is not there."""
    paths = [*sorted(data_set.images.iterdir()), data_set.images / "nowhere.jpg"]
    return [
        (place, LabelledImage(f"{place}.jpg", str(paths[place % len(paths)]), ())) for place in range(COUNT)
    ]


def _measure(
    images: list[tuple[int, LabelledImage]], measure: Measure, folder: str
) -> tuple[SceneGroups | None, list[Measured]]:
    known: StoredLists[Measured] = StoredLists(folder, "measured")
    groups = measure_by_beam(beam.Pipeline, images, measure, known, stage="Stage", find_overlaps=True)
    return groups, [measured for number in range(3) for measured in known.read(number)]


def test_processes_find_what_threads_find_and_progress_is_told(images, tmp_path, monkeypatch):
    measure = Measure("labels.csv", IngestionSettings())
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    by_threads = _measure(images, measure, str(tmp_path / "threads"))
    monkeypatch.setattr(parallel, "_PROCESSES_FROM_S", 0)
    with told_progress() as told:
        by_processes = _measure(images, measure, str(tmp_path / "processes"))
    assert by_processes[1] == by_threads[1] and len(by_threads[1]) == COUNT
    np.testing.assert_array_equal(by_processes[0].links, by_threads[0].links)
    assert told[-1].done == COUNT and len(told) > 1


def test_an_image_that_brings_its_process_down_ends_the_run_and_is_named(images, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    monkeypatch.setattr(parallel, "_PROCESSES_FROM_S", 0)
    # The last one, whose file no other image near it has.
    (tmp_path / "bad.jpg").write_bytes(b"")
    bad = (COUNT - 1, LabelledImage("bad.jpg", str(tmp_path / "bad.jpg"), ()))
    deadly = Deadly("labels.csv", IngestionSettings(), "bad.jpg")
    with pytest.raises(RuntimeError, match=r"process that measured images died .*SIGSEGV.*bad\.jpg"):
        _measure([*images[:-1], bad], deadly, str(tmp_path / "measured"))
    assert parallel._SharedProcesses._shared is None
