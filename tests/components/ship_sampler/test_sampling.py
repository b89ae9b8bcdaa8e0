import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from components.examples import SHIP_GROUPS, ship_group, split_name
from components.ship_example_gen.labels import judge_rows, read_labels
from components.ship_example_gen.settings import ShipLimits
from components.ship_sampler.sampling import Candidate, sample_images
from components.ship_sampler.settings import SamplingSettings

ANNOTATIONS = Path(__file__).resolve().parents[4] / "shared" / "data" / "annotations"
needs_annotations = pytest.mark.skipif(
    not ANNOTATIONS.exists(), reason=f"no genuine annotations under {ANNOTATIONS}"
)


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
    assert "train 1-2: 70 of 110, train 3-4: 30 of 30 (70 wanted), train 5-6: 0 of 0 (70" in sample.summary()
    assert {count.group: count.shortfall for count in sample.counts if count.role == "train"} == {
        "0": 0, "1-2": 0, "3-4": 40, "5-6": 70, "7-8": 70, "9-10": 70, "11-12": 70, "13+": 66,
    }  # fmt: skip


def test_ships_only_leaves_no_empty_image_to_train_on():
    sample = sample_images(CANDIDATES, SamplingSettings(strategy="ships_only"))
    assert _groups(sample) == {"1-2": 110, "3-4": 30, "13+": 4}


def test_all_keeps_all():
    sample = sample_images(CANDIDATES, SamplingSettings(strategy="all"))
    assert sample.image_ids == {candidate.image_id for candidate in CANDIDATES}


def test_all_can_cap_the_images_without_ships():
    sample = sample_images(CANDIDATES, SamplingSettings(strategy="all", max_empties=200))
    assert _groups(sample) == {"0": 200, "1-2": 110, "3-4": 30, "13+": 4}


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


def test_drawing_rows_by_mistake_keeps_only_the_ships_whose_rows_were_drawn():
    candidates = [Candidate(f"{n}.jpg", "train_ships", "13+", rows=14) for n in range(10)]
    settings = SamplingSettings(strategy="balanced", per_group=70, rows_mistake=True)
    sample = sample_images(candidates, settings)
    assert sum(len(rows) for rows in sample.rows.values()) == 70
    assert all(set(rows) <= set(range(14)) for rows in sample.rows.values())
    # An image with one lucky row takes part, with that ship alone.
    assert len(sample.image_ids) == 10
    assert "train 13+: 70 of 140" in sample.summary()
    everything = SamplingSettings(strategy="balanced", per_group=140, rows_mistake=True)
    assert sample_images(candidates, everything).rows["3.jpg"] == tuple(range(14))
    with pytest.raises(ValidationError, match="balanced"):
        SamplingSettings(strategy="all", rows_mistake=True)


def test_eval_images_are_capped_with_and_without_ships():
    sample = sample_images(CANDIDATES, SamplingSettings(eval_images=25))
    assert "eval empty: 25 of 40" in sample.summary()
    assert "eval ships: 25 of 50" in sample.summary()


@pytest.mark.parametrize(
    ("ships", "group"),
    [(0, "0"), (1, "1-2"), (2, "1-2"), (3, "3-4"), (12, "11-12"), (13, "13+"), (40, "13+")],
)
def test_ship_groups(ships, group):
    assert ship_group(ships) == group
    assert group in SHIP_GROUPS


@needs_annotations
def test_every_ship_of_a_sampled_genuine_image_is_kept(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_bytes(gzip.decompress((ANNOTATIONS / "rle_sample.csv.gz").read_bytes()))
    rows = read_labels(str(table)).rows
    size, limits = (768, 768), ShipLimits()
    labels = {
        image_id: judge_rows(str(table), image_id, own, size=size, limits=limits)
        for image_id, own in rows.items()
    }
    candidates = [
        Candidate(image_id, split_name("train", len(label.ships)), ship_group(len(label.ships)))
        for image_id, label in labels.items()
    ]
    sample = sample_images(candidates, SamplingSettings(strategy="balanced"))
    available = Counter(candidate.ship_group for candidate in candidates)
    drawn = Counter(
        candidate.ship_group for candidate in candidates if candidate.image_id in sample.image_ids
    )
    assert drawn == {group: min(count, 500 if group == "0" else 1500) for group, count in available.items()}
    assert drawn["0"] == 500
    # What is drawn is an image with all its rows, unlike a draw of rows, which loses most ships of a convoy.
    for image_id in sample.image_ids:
        written = tuple(row.encoded for row in rows[image_id] if row.encoded)
        assert labels[image_id].ships == written


@needs_annotations
def test_balanced_sample_of_the_full_scale_table():
    with gzip.open(ANNOTATIONS / "image_ids_v2.csv.gz", "rt", newline="") as file:
        ships = {row["ImageId"]: int(row["ships"]) for row in csv.DictReader(file)}
    candidates = [Candidate(name, split_name("train", n), ship_group(n)) for name, n in ships.items()]
    sample = sample_images(candidates, SamplingSettings(strategy="balanced"))
    assert len(ships) == 192_548
    assert {count.group: (count.drawn, count.shortfall) for count in sample.counts} == {
        "0": (500, 0), "1-2": (1500, 0), "3-4": (1500, 0), "5-6": (1500, 0), "7-8": (724, 776),
        "9-10": (410, 1090), "11-12": (268, 1232), "13+": (217, 1283),
    }  # fmt: skip
