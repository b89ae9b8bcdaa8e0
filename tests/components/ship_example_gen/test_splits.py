"""The draw of roles."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.errors import InputError
from components.ship_example_gen.settings import IngestionSettings
from components.ship_example_gen.splits import fold_roles, scene_role, stable_fraction


def test_ratios_are_kept():
    roles = [scene_role(f"scene{number}", 0.6, 0.3, "0") for number in range(20_000)]
    # Three standard deviations of a binomial share are 0.0104 at most.
    assert roles.count("train") / len(roles) == pytest.approx(0.6, abs=0.011)
    assert roles.count("eval") / len(roles) == pytest.approx(0.3, abs=0.011)


def test_the_draw_never_changes():
    """These were written down once; another outcome would move images of published runs between roles."""
    assert [scene_role(scene, 0.7, 0.15, "0") for scene in ("harbour", "airbus-1", "airbus-2", "x.jpg")] == [
        "train", "eval", "train", "test",
    ]  # fmt: skip


def test_another_seed_is_another_draw():
    scenes = [f"scene{number}" for number in range(200)]
    assert [stable_fraction(s, "0") for s in scenes] != [stable_fraction(s, "1") for s in scenes]


def _scenes() -> tuple[list[str], list[tuple[str, ...]]]:
    """Five harbours of one sensor with 6 to 30 tiles, and 40 single tiles of another."""
    scenes, kinds = [], []
    for harbour in range(6):
        tiles = 5 * (harbour + 1)
        scenes += [f"harbour{harbour}"] * tiles
        kinds += [(str(tile % 3 == 0), "coarse") for tile in range(tiles)]
    return scenes + [f"tile{number}" for number in range(40)], kinds + [("True", "fine")] * 40


def test_each_image_tests_in_one_fold_and_judges_in_the_one_before():
    scenes, kinds = _scenes()
    roles = [fold_roles(scenes, kinds, 4, fold) for fold in range(4)]
    for of_image in zip(*roles, strict=True):
        assert Counter(of_image) == {"train": 2, "eval": 1, "test": 1}
        assert of_image[of_image.index("test") - 1] == "eval"


def test_folds_split_no_scene_and_spread_the_kinds():
    scenes, kinds = _scenes()
    for fold in range(4):
        roles = fold_roles(scenes, kinds, 4, fold)
        assert len(set(zip(scenes, roles, strict=True))) == len(set(scenes))
        tested = Counter(kind for kind, role in zip(kinds, roles, strict=True) if role == "test")
        assert tested["True", "fine"] == 10
        # A quarter of 72 is 18, and no harbour can be divided.
        assert 10 <= tested["False", "coarse"] <= 26


@pytest.mark.parametrize("place", [1, 2])
def test_a_column_of_which_no_two_values_are_alike_changes_nothing(place):
    scenes, kinds = _scenes()
    dated = [(*kind[:place], f"day {number}", *kind[place:]) for number, kind in enumerate(kinds)]
    for fold in range(4):
        assert fold_roles(scenes, dated, 4, fold) == fold_roles(scenes, kinds, 4, fold)


def test_more_folds_than_scenes_are_refused():
    with pytest.raises(InputError, match=r"ingestion\.folds is 3, but there are 2 scenes"):
        fold_roles(["a", "a", "b"], [("True",), ("False",), ("True",)], 3, 0)


@given(st.text(max_size=20), st.text(max_size=20))
def test_fraction_is_in_range(name: str, seed: str):
    assert 0 <= stable_fraction(name, seed) < 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"train_ratio": 0.9, "eval_ratio": 0.1},
        {"train_ratio": 0},
        {"ratio": 1},
        {"folds": 2},
        {"folds": 4, "fold": 4},
    ],
)
def test_settings_refuse_what_cannot_be(wrong):
    with pytest.raises(ValidationError):
        IngestionSettings(**wrong)
