import pytest

from components.errors import SettingsError
from pipeline.experiment.plan import experiment_names, read_plan
from pipeline.settings import load_settings

GRID = """
profile: demo
settings: {segmenter.steps: 7}
seeds: [0, 1]
splits: [a, 2]
variants:
  - label: as it is
  - label: other seed
    settings: {segmenter.seed: 9}
grid:
  contrast.method: [none, clahe]
  segmenter.loss: [bce, lovasz]
"""


def _plan(folder, text):
    file = folder / "own.yaml"
    file.write_text(text, encoding="utf-8")
    return read_plan(str(file))


@pytest.mark.parametrize("name", experiment_names())
def test_the_experiments_of_the_project_are_valid_and_no_two_variants_are_the_same(name):
    plan = read_plan(name)
    assert plan.name == name
    assert len({trial.settings.model_dump_json() for trial in plan.trials}) == len(plan.trials)


def test_variants_and_grid_are_crossed_with_seeds_and_splits(tmp_path):
    plan = _plan(tmp_path, GRID)
    assert plan.variants == (
        "as it is", "other seed", "method none, loss bce", "method none, loss lovasz",
        "method clahe, loss bce", "method clahe, loss lovasz",
    )  # fmt: skip
    assert len(plan.trials) == 6 * 2 * 2
    # A whole comparison first, then the same under the next seed.
    assert [trial.variant for trial in plan.trials[:6]] == list(plan.variants)
    assert {(trial.seed, trial.split) for trial in plan.trials[6:12]} == {(1, "a"), (9, "a")}
    settings = plan.trials[11].settings
    assert (settings.contrast.method, settings.segmenter.loss) == ("clahe", "lovasz")
    assert (settings.segmenter.seed, settings.classifier.seed, settings.segmenter.steps) == (1, 1, 7)
    assert settings.ingestion.split_seed == "a"
    assert settings.classifier.steps == load_settings("demo").classifier.steps


def test_without_seeds_those_of_the_profile_hold(tmp_path):
    (trial,) = _plan(tmp_path, "variants: [{label: one}]").trials
    assert trial.settings == load_settings()
    assert (trial.seed, trial.split) == (0, "0")


def test_with_folds_the_splits_are_folds(tmp_path):
    text = "settings: {ingestion.folds: 5}\nsplits: [0, 4]\nvariants: [{label: one}]"
    plan = _plan(tmp_path, text)
    assert [trial.split for trial in plan.trials] == ["fold 0", "fold 4"]
    assert [trial.settings.ingestion.fold for trial in plan.trials] == [0, 4]


def test_the_command_line_overrules_what_the_variants_have_in_common():
    plan = read_plan("smoke", ["ingestion.folds=5", "segmenter.steps=9"], seeds=[3, 4], splits=["2"])
    settings = [trial.settings for trial in plan.trials]
    assert [(trial.seed, trial.split) for trial in plan.trials] == [(3, "fold 2")] * 2 + [(4, "fold 2")] * 2
    assert {(one.segmenter.steps, one.detector.tune) for one in settings} == {(9, False)}
    assert [one.detector.cascade for one in settings[:2]] == [True, False]
    with pytest.raises(SettingsError, match=r"segmenter\.los"):
        read_plan("smoke", ["segmenter.los=bce"])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("variants: [{label: a, settings: {segmenter.los: bce}}]", ["variant 'a'", "segmenter.loss"]),
        ("variants: [{label: a}, {label: a}]", ["two variants", "'a'"]),
        ("about: nothing", ["variants", "grid"]),
        ("variant: [{label: a}]", ["variant", "keys: about, profile"]),
        ("variants: [{settings: {}}]", ["variants.0.label", "required"]),
        ("variants: [", ["YAML"]),
        ("profile: nobody\nvariants: [{label: a}]", ["nobody", "demo"]),
        ("- a", ["the file"]),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(text, parts, tmp_path):
    with pytest.raises(SettingsError) as error:
        _plan(tmp_path, text)
    for part in ["own.yaml" if "nobody" not in text else "variant", *parts]:
        assert part in str(error.value)


def test_an_unknown_experiment_lists_the_known_ones(tmp_path):
    with pytest.raises(SettingsError, match="report-story, smoke"):
        read_plan("nothing")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_plan(str(tmp_path / "gone.yaml"))
