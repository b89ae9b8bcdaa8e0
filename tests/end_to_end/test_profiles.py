"""Each profile that is shipped, from the images to the pushed model, with the networks that it names."""

import re

import pytest
from commands import call, run_arguments, stage_lines

from pipeline.settings import load_settings, profile_names

pytestmark = pytest.mark.slow

# Only what training costs is less than the profile asks for, and nothing is asked of the model. What
# several profiles have in common comes from the cache.
SHORT = {
    "classifier.steps": 2,
    "classifier.steps_per_epoch": 2,
    "classifier.frozen_steps": 2,
    "classifier.batch_size": 2,
    "classifier.eval_images": 2,
    "classifier.cache_mb": 300,
    "classifier.max_minutes": 5,
    "segmenter.steps": 2,
    "segmenter.steps_per_epoch": 2,
    "segmenter.frozen_steps": 2,
    "segmenter.batch_size": 2,
    "segmenter.eval_images": 2,
    "segmenter.cache_mb": 300,
    "segmenter.max_minutes": 5,
    "evaluation.rules": "[{metric: dice, slice: {has_ship: 1}, min: 0.0, max_drop: 1.0}]",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("root")


@pytest.mark.parametrize("profile", profile_names())
def test_a_run_by_this_profile_ends_with_a_pushed_model(profile, data, root):
    told = call([*run_arguments(data, root, SHORT), "--profile", profile])
    stages = stage_lines(told)
    assert ("Classifier" in stages) == load_settings(profile).detector.cascade
    assert "Segmenter" in stages
    assert re.search(r"Pushed as version \d+|in the store as version \d+", told), told
