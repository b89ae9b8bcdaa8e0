"""What is served when the folder of versions changes."""

import logging
import shutil
import threading
import time
from pathlib import Path

import pytest
import tensorflow as tf

from pipeline.serving.faults import RequestError
from pipeline.serving.metrics import Metrics
from pipeline.serving.model import LoadedModel, UnusableModelError
from pipeline.serving.sample import sea_with_ships
from pipeline.serving.store import find_versions
from pipeline.serving.versions import Versions

pytestmark = pytest.mark.slow


class Store:
    """A folder of versions that changes, and who watches it."""

    def __init__(self, folder: Path, saved_model: Path) -> None:
        self.folder = folder
        self.saved_model = saved_model
        self.metrics = Metrics()
        self.versions = Versions("ships", folder, lambda: sea_with_ships(0), self.metrics)

    def push(self, version: int) -> Path:
        return Path(shutil.copytree(self.saved_model, self.folder / str(version)))

    def remove(self, version: int) -> None:
        shutil.rmtree(self.folder / str(version))

    def look(self, times: int = 2) -> int | None:
        """Twice, since a folder must have come to rest before it is loaded."""
        for _ in range(times):
            self.versions.refresh()
        return self.versions.served

    def states(self) -> dict[int, str]:
        return {status.version: status.state for status in self.versions.statuses()}

    def wait_for(self, version: int, state: str) -> None:
        end = time.monotonic() + 10
        while self.states()[version] != state:
            assert time.monotonic() < end, self.states()
            time.sleep(0.01)


@pytest.fixture
def store(tmp_path, saved_model):
    return Store(tmp_path / "ships", saved_model)


@pytest.fixture(scope="module")
def serving(tmp_path_factory, saved_model):
    """One that goes on serving version 1 whatever comes."""
    store = Store(tmp_path_factory.mktemp("serving") / "ships", saved_model)
    store.push(1)
    assert store.look() == 1
    return store


def test_nothing_is_served_until_there_is_a_version(store):
    assert store.look() is None
    with pytest.raises(RequestError, match="no version"), store.versions.lease():
        pass
    store.push(1)
    assert store.look(1) == 1


def test_a_new_version_takes_over_and_the_old_one_ends_with_its_last_request(store):
    store.push(1)
    store.look()
    store.push(10)
    with store.versions.lease() as old:
        assert store.look(1) == 1, "might still be being written"
        assert store.look(1) == 10
        assert store.states() == {10: "AVAILABLE", 1: "UNLOADING"}
        assert old.version == 1
        assert len(old.predict("serving_default", [sea_with_ships(0)])["ship_pixels"]) == 1
        with store.versions.lease() as new:
            assert new.version == 10
        with pytest.raises(RequestError, match=r"Specific\(ships, 1\)"), store.versions.lease(1):
            pass
    del old
    store.wait_for(1, "END")


def test_versions_are_numbers_and_other_names_are_passed_over(tmp_path):
    for name in ("9", "10", "10.tmp", "-11", "012", "latest", "1e3", "9" * 30):
        (tmp_path / name).mkdir()
    (tmp_path / "13").write_text("a file")
    assert [stored.number for stored in find_versions(tmp_path)] == [10, 9]


def test_when_the_newest_disappears_the_one_before_serves_again(store):
    store.push(1)
    store.look()
    store.push(2)
    assert store.look() == 2
    store.remove(2)
    assert store.look(1) == 1
    assert store.states()[1] == "AVAILABLE"
    store.wait_for(2, "END")


def test_what_ships_rollback_writes_is_served(store):
    from components.baseline.model_store import copy_as_newest

    store.push(1)
    store.push(2)
    assert store.look() == 2
    copied = copy_as_newest(str(store.folder), 1)
    assert copied > 2
    assert store.look() == copied


def test_an_emptied_folder_does_not_stop_the_service(store, caplog):
    store.push(1)
    store.look()
    shutil.rmtree(store.folder)
    assert store.look() == 1
    assert caplog.text.count("1 stays") == 1


def _half_written(folder):
    (folder / "saved_model.pb").unlink()


def _variables_cut(folder):
    file = next((folder / "variables").glob("variables.data*"))
    file.write_bytes(file.read_bytes()[:-10])


def _variables_altered(folder):
    file = next((folder / "variables").glob("variables.data*"))
    file.write_bytes(bytes(file.stat().st_size))


def _graph_cut(folder):
    file = folder / "saved_model.pb"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _empty_graph(folder):
    (folder / "saved_model.pb").write_bytes(b"")


def _another_model(folder):
    shutil.rmtree(folder)
    module = tf.Module()
    double = tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec([None], tf.float32)])
    tf.saved_model.save(module, str(folder), signatures=double)


def _fails_on_images(folder):
    shutil.rmtree(folder)
    module = tf.Module()
    spec = tf.TensorSpec([None], tf.string, "image_bytes")
    number = tf.function(lambda x: {"y": tf.strings.to_number(x)}, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures=number)


def _not_finite(folder):
    shutil.rmtree(folder)
    module = tf.Module()
    spec = tf.TensorSpec([None], tf.string, "image_bytes")
    odd = tf.function(lambda x: {"y": 0.0 * tf.ones_like(x, tf.float32) / 0.0}, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures=odd)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_half_written, "not complete"),
        (_variables_cut, "cannot be loaded"),
        (_variables_altered, "cannot be loaded"),
        (_graph_cut, "cannot be loaded"),
        (_empty_graph, "cannot be loaded"),
        (_another_model, "no signature serving_default"),
        (_fails_on_images, "fails on an ordinary image"),
        (_not_finite, "answers one image with"),
    ],
)
def test_a_broken_version_is_never_served_and_named_once(serving, caplog, damage, told):
    caplog.set_level(logging.INFO, "ships.serving")
    number = 1 + max(int(entry.name) for entry in serving.folder.iterdir())
    damage(serving.push(number))
    assert serving.look(4) == 1
    assert caplog.text.count(f"version {number} is") == 1
    assert told in caplog.text


def test_a_broken_version_serves_once_it_is_mended(store):
    _graph_cut(store.push(1))
    assert store.look() is None
    store.remove(1)
    store.push(1)
    assert store.look() == 1


def test_a_broken_version_is_told_in_its_status_and_counted(store):
    _graph_cut(store.push(5))
    store.look()
    (status,) = store.versions.statuses()
    assert (status.version, status.state) == (5, "END")
    assert "cannot be loaded" in status.error
    assert b'load_failures_total{model="ships"} 1.0' in store.metrics.text()


def test_the_watcher_sees_new_versions_and_survives_trouble(store, monkeypatch, caplog):
    trouble = threading.Event()

    def sample():
        if not trouble.is_set():
            trouble.set()
            raise MemoryError("for the test")
        return sea_with_ships(0)

    monkeypatch.setattr(store.versions, "_sample", sample)
    store.push(1)
    store.versions.watch(0.05)
    end = time.monotonic() + 20
    while store.versions.served != 1:
        assert time.monotonic() < end
        time.sleep(0.05)
    store.versions.stop()
    assert "trying again" in caplog.text


def test_requests_are_answered_while_versions_come_and_go(store):
    store.push(1)
    store.look()
    ended = threading.Event()
    answered, failed = [], []

    def ask():
        image = sea_with_ships(1)
        while not ended.is_set():
            try:
                with store.versions.lease() as model:
                    answered.append(
                        (model.version, len(model.predict("serving_default", [image])["ship_pixels"]))
                    )
            except Exception as error:
                failed.append(error)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    for version in (2, 3):
        store.push(version)
        assert store.look() == version
    store.remove(3)
    assert store.look() == 2
    ended.set()
    for asker in askers:
        asker.join()
    assert not failed
    assert {version for version, _ in answered} >= {1, 2}


def test_the_old_version_serves_until_the_new_one_is_warm(store, monkeypatch):
    store.push(1)
    store.look()
    warm_up, seen = LoadedModel.warm_up, []

    def watched(model, image):
        seen.append((store.versions.served, store.states()[model.version]))
        warm_up(model, image)
        seen.append((store.versions.served, store.states()[model.version]))

    monkeypatch.setattr(LoadedModel, "warm_up", watched)
    store.push(2)
    assert store.look() == 2
    assert seen == [(1, "LOADING"), (1, "LOADING")]


def test_warm_up_leaves_the_cascade_as_it_was(saved_model):
    model = LoadedModel(saved_model, 1)
    was = model._model.classifier_threshold.numpy()
    model.warm_up(sea_with_ships(0))
    assert model._model.classifier_threshold.numpy() == was
    with pytest.raises(UnusableModelError, match="ordinary image"):
        model.warm_up(b"no image")
