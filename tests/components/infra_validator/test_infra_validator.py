"""The infra validation: a real server of a real (tiny) model, and what is held against it."""

import numpy as np
import pytest
from brightness_networks import encoded, example, scene
from example_files import write_examples
from served_models import export_bright_detector
from tfx.types import standard_artifacts
from tfx.types.channel import Channel

from components.errors import InputError
from components.infra_validator.component import VERDICT_FILE, Executor, InfraValidator
from components.infra_validator.server import Answer
from components.infra_validator.settings import InfraValidationSettings
from components.infra_validator.validation import Expected, from_json, judge, validate
from pipeline.dag import _SERVER

SHIP = scene(96, 64, (20, 30, 12, 25))
SETTINGS = InfraValidationSettings(images=3)
EXPECTED = Expected(b"", "8 1 15 1", 0.9, 6, 9)
ENDS = ("{python}", "-c", "import sys; sys.exit('out of memory on port {port}')")


def _execute(tmp_path, command, settings):
    model, blessing = standard_artifacts.Model(), standard_artifacts.InfraBlessing()
    model.uri, blessing.uri = str(tmp_path / "model"), str(tmp_path / "blessing")
    (tmp_path / "statistics").mkdir()
    export_bright_detector(tmp_path / "model" / "Format-Serving", tmp_path / "statistics")
    examples = write_examples(
        tmp_path / "examples",
        {
            "test_ships": [example(encoded(SHIP), [np.uint8(SHIP[..., 0] > 130)])] * 4,
            "test_empty": [example(encoded(scene(64, 80)), [])],
        },
    )
    component = InfraValidator(
        model=Channel(standard_artifacts.Model),
        examples=Channel(standard_artifacts.Examples),
        splits=["test_ships", "test_empty"],
        command=command,
        settings=settings,
    )
    Executor().Do(
        {"model": [model], "examples": [examples]}, {"blessing": [blessing]}, component.exec_properties
    )
    return blessing, from_json((tmp_path / "blessing" / VERDICT_FILE).read_bytes())


def _validate(folder, command, expected=(EXPECTED,), settings=SETTINGS):
    return validate(expected, settings, models=folder, name="ships", command=command, scratch=folder)


@pytest.mark.slow
def test_a_server_that_answers_as_evaluated_is_blessed(tmp_path):
    blessing, verdict = _execute(tmp_path, _SERVER, SETTINGS)
    assert verdict.blessed, verdict.reason
    assert blessing.get_int_custom_property("blessed") == 1
    assert (tmp_path / "blessing" / "INFRA_BLESSED").exists()
    assert (verdict.images, verdict.most_different_pixels) == (3, 0)
    assert 0 < verdict.median_ms <= verdict.slowest_ms
    assert verdict.memory_mb > 100


@pytest.mark.slow
def test_a_server_that_ends_blesses_nothing(tmp_path):
    blessing, verdict = _execute(tmp_path, ENDS, SETTINGS)
    assert blessing.get_int_custom_property("blessed") == 0
    assert blessing.get_string_custom_property("reason") == verdict.reason
    assert (tmp_path / "blessing" / "INFRA_NOT_BLESSED").exists()


def test_a_server_that_ends_is_told_with_its_last_words(tmp_path):
    assert "exit code 1: out of memory on port" in _validate(tmp_path, ENDS).reason


def test_a_server_sees_no_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    command = ("{python}", "-c", "import os, sys; sys.exit('GPUs: ' + os.environ['CUDA_VISIBLE_DEVICES'])")
    assert "GPUs: -1" in _validate(tmp_path, command).reason


def test_a_server_that_never_gets_ready_is_ended(tmp_path):
    command = ("{python}", "-c", "import time; time.sleep(100)")
    settings = InfraValidationSettings(max_start_s=0.5)
    assert "not ready after 0.5 s" in _validate(tmp_path, command, settings=settings).reason


def test_no_command_or_nothing_to_ask_is_said(tmp_path):
    with pytest.raises(InputError, match=r"infra_validation.command: no-such-server"):
        _validate(tmp_path, ["no-such-server"])
    with pytest.raises(InputError, match="no image"):
        _validate(tmp_path, ["true"], expected=[])


@pytest.mark.parametrize(
    ("answer", "settings", "told"),
    [
        (Answer("8 1 15 1", 0.9, 0.1), {}, ""),
        (Answer("8 1", 0.9, 0.1), {}, "image 0: 1 pixels differ"),
        (Answer("8 1", 0.9, 0.1), {"max_different_pixels": 1}, ""),
        (Answer("8 1 150 1", 0.9, 0.1), {}, "none of the image's size"),
        (Answer("8 1 15 1", 0.8, 0.1), {}, "ship probability 0.8, by the evaluation 0.9"),
        (Answer("8 1 15 1", float("nan"), 0.1), {}, "ship probability nan"),
        (Answer("8 1 15 1", 0.9, 0.1), {"max_median_ms": 99}, "median answer 100 ms, allowed 99"),
        (Answer("8 1 15 1", 0.9, 0.1), {"max_memory_mb": 499}, "memory 500 MiB, allowed 499"),
    ],
)
def test_what_is_out_of_bounds_is_named(answer, settings, told):
    verdict = judge([EXPECTED], [answer], 1.0, 500.0, InfraValidationSettings(**settings))
    assert verdict.blessed == (not told)
    assert told in verdict.reason
    assert from_json(verdict.to_json()) == verdict
