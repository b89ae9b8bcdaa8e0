from collections import Counter

import pytest

from components.examples import SHIP_GROUPS, ship_group, split_name
from components.ship_sampler.sampling import Candidate, sample_images
from components.ship_sampler.settings import SamplingSettings


def _candidates(counts, role="train"):
    """`counts[n]` images with n ships each."""
    return [
        Candidate(f"{role}-{ships}-{number}.jpg", split_name(role, ships), ship_group(ships))
        for ships, images in counts.items()
        for number in range(images)
    ]


CANDIDATES = _candidates({0: 900, 1: 60, 2: 50, 3: 30, 14: 4}) + _candidates({0: 40, 1: 30, 5: 20}, "eval")


def _groups(sample):
    return Counter(c.ship_group for c in CANDIDATES if c.image_id in sample.image_ids and "train" in c.split)


def test_a_balanced_sample_caps_each_group_and_reports_shortfalls():
    settings = SamplingSettings(strategy="balanced", empties=100, per_group=70)
    sample = sample_images(CANDIDATES, settings)
    assert _groups(sample) == {"0": 100, "1-2": 70, "3-4": 30, "13+": 4}
    assert sample.counts["train 1-2"] == (70, 110)
    assert sample.counts["train 13+"] == (4, 4)


def test_ships_only_leaves_no_empty_image_to_train_on():
    sample = sample_images(CANDIDATES, SamplingSettings(strategy="ships_only"))
    assert _groups(sample) == {"1-2": 110, "3-4": 30, "13+": 4}


def test_all_keeps_all():
    sample = sample_images(CANDIDATES, SamplingSettings(strategy="all"))
    assert sample.image_ids == {candidate.image_id for candidate in CANDIDATES}


def test_the_sample_depends_on_the_seed_and_not_on_the_order():
    settings = SamplingSettings(strategy="balanced", empties=50, per_group=20, seed=1)
    sample = sample_images(CANDIDATES, settings)
    assert sample_images(CANDIDATES[::-1], settings).image_ids == sample.image_ids
    other = sample_images(CANDIDATES, settings.model_copy(update={"seed": 2}))
    assert other.image_ids != sample.image_ids
    assert len(other.image_ids) == len(sample.image_ids)


def test_a_larger_sample_contains_the_smaller_one():
    small = sample_images(CANDIDATES, SamplingSettings(strategy="balanced", empties=50, per_group=20))
    large = sample_images(CANDIDATES, SamplingSettings(strategy="balanced", empties=80, per_group=40))
    assert small.image_ids < large.image_ids


def test_eval_images_are_capped_with_and_without_ships():
    sample = sample_images(CANDIDATES, SamplingSettings(eval_images=25))
    assert sample.counts["eval ships"] == (25, 50)
    assert sample.counts["eval empty"] == (25, 40)


@pytest.mark.parametrize(
    ("ships", "group"),
    [(0, "0"), (1, "1-2"), (2, "1-2"), (3, "3-4"), (12, "11-12"), (13, "13+"), (40, "13+")],
)
def test_ship_groups(ships, group):
    assert ship_group(ships) == group
    assert group in SHIP_GROUPS
