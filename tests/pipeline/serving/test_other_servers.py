"""What is concluded from the answers of other people's servers; those themselves: `make other-servers`."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from other_servers.comparison import PROBABILITY_TOLERANCE, compare, is_alike
from other_servers.environments import OtherServer, OtherServerError, library_folder, make
from other_servers.exchange import Answer, Answers, RefusedError, interview, load, save, write_images

ANSWERS = Answers("ships serve", "REST", [Answer(0.9, "1 3", 3), Answer(0.1, "", 0)], "400")


def _ask(images):
    """Length and first byte of each image; those that begin by x are damaged."""
    if any(image.startswith(b"x") for image in images):
        raise RefusedError("damaged")
    return {
        "ship_probability": np.full(len(images), 0.5, np.float32),
        "encoded_pixels": [image[:1] for image in images],
        "ship_pixels": [len(image) for image in images],
    }


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (Answer(0.9, "1 3", 3), True),
        (Answer(0.9 + PROBABILITY_TOLERANCE / 2, "1 3", 3), True),
        (Answer(0.9 + PROBABILITY_TOLERANCE * 2, "1 3", 3), False),
        (Answer(float("nan"), "1 3", 3), False),
        (Answer(0.9, "1 2", 3), False),
        (Answer(0.9, "1 3", 2), False),
    ],
)
def test_any_output_that_differs_is_counted(other, alike):
    row = compare(ANSWERS, replace(ANSWERS, answers=[other, ANSWERS.answers[1]]))
    assert row["differ"] == (not alike)
    assert is_alike(row) == alike


def test_a_server_that_answers_a_damaged_image_is_not_alike():
    assert not is_alike(compare(ANSWERS, replace(ANSWERS, damaged="")))


def test_an_answer_too_few_is_an_error():
    with pytest.raises(ValueError, match="zip"):
        compare(ANSWERS, replace(ANSWERS, answers=ANSWERS.answers[:1]))


def test_images_are_asked_about_alone_and_together(tmp_path):
    write_images(tmp_path, {"b.jpg": b"bb", "e.jpg": b"eee"}, damaged=b"x")
    told = interview("server", "protocol", tmp_path, _ask)
    assert [(answer.encoded_pixels, answer.ship_pixels) for answer in told.answers] == [
        ("b", 2),
        ("e", 3),
    ] * 2
    assert told.damaged == "damaged"
    save(tmp_path / "answers.json", [told])
    assert load(tmp_path / "answers.json") == [told]


def test_outputs_of_another_shape_are_an_error(tmp_path):
    write_images(tmp_path, {"b.jpg": b"bb"}, damaged=b"x")
    with pytest.raises(ValueError, match=r"ship_pixels is \(1, 1\) for 1 images"):
        interview("", "", tmp_path, lambda images: _ask(images) | {"ship_pixels": [[1]]})


def test_an_environment_that_cannot_be_made_says_why(tmp_path):
    server = OtherServer("none", "none", ())
    with pytest.raises(OtherServerError, match="the environment of none cannot be made"):
        make(server, tmp_path, "no-such-python")
    with pytest.raises(OtherServerError, match="without a shared library"):
        script = tmp_path / "python"
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        library_folder(script)


def test_the_shared_library_is_the_interpreters_own():
    try:
        folder = Path(library_folder(Path(sys.executable)))
    except OtherServerError:
        pytest.skip("this interpreter has no shared library")
    major, minor = sys.version_info[:2]
    assert list(folder.glob(f"libpython{major}.{minor}*.so*"))
