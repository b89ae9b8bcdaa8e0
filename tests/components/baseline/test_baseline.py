import pytest
from tfx.types import standard_artifacts

from components.baseline.component import Executor
from components.baseline.model_store import (
    accepted_statistics,
    copy_as_newest,
    holds_model,
    latest_version,
    versions,
)


def _push(store, version, complete=True):
    folder = store / str(version)
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "variables.index").write_text(str(version), encoding="utf-8")
    if complete:
        (folder / "saved_model.pb").write_text(str(version), encoding="utf-8")


def test_the_newest_version_is_the_largest_number(tmp_path):
    _push(tmp_path, 9)
    _push(tmp_path, 10)
    assert latest_version(str(tmp_path)) == str(tmp_path / "10")


def test_a_half_copied_version_and_other_folders_do_not_count(tmp_path):
    _push(tmp_path, 9)
    _push(tmp_path, 10, complete=False)
    _push(tmp_path, "old")
    assert latest_version(str(tmp_path)) == str(tmp_path / "9")


def test_a_copy_becomes_the_newest_version_with_all_its_files(tmp_path):
    for version in (9, 10, 4_000_000_000):  # the last lies beyond today's Unix time
        _push(tmp_path, version, complete=version != 4_000_000_000)
    copied = copy_as_newest(str(tmp_path), 9)
    assert copied == 4_000_000_001
    assert versions(str(tmp_path)) == [9, 10, copied]
    assert (tmp_path / str(copied) / "variables" / "variables.index").read_text(encoding="utf-8") == "9"
    assert (tmp_path / "9" / "saved_model.pb").exists()


@pytest.mark.parametrize("store", ["", "nothing"])
def test_there_is_no_version_before_the_first_push(tmp_path, store):
    assert latest_version(str(tmp_path / store)) is None


def test_statistics_of_accepted_data_come_with_the_latest_version(tmp_path):
    assert accepted_statistics(str(tmp_path)) == ""
    for version in (9, 10):
        _push(tmp_path, version)
        assert accepted_statistics(str(tmp_path)) == ""
        folder = tmp_path / str(version) / "assets.extra" / "data_statistics"
        folder.mkdir(parents=True)
        assert accepted_statistics(str(tmp_path)) == str(folder)


def _baseline_of(store, folder):
    model = standard_artifacts.Model()
    model.uri = str(folder)
    Executor().Do({}, {"model": [model]}, {"store": str(store)})
    return model.uri


def test_the_artifact_holds_the_latest_pushed_model(tmp_path):
    _push(tmp_path / "store", 9)
    _push(tmp_path / "store", 10)
    uri = _baseline_of(tmp_path / "store", tmp_path / "artifact")
    assert holds_model(uri)
    assert (tmp_path / "artifact" / "Format-Serving" / "saved_model.pb").read_text(encoding="utf-8") == "10"
    assert (tmp_path / "artifact" / "Format-Serving" / "variables" / "variables.index").exists()


def test_the_artifact_is_empty_before_the_first_push(tmp_path):
    assert not holds_model(_baseline_of(tmp_path / "store", tmp_path / "artifact"))
