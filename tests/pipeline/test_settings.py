import pytest
import yaml

from components.errors import SettingsError
from pipeline.settings import load_settings, profile_names, settings_as_yaml


@pytest.mark.parametrize("profile", profile_names())
def test_every_profile_loads_and_prints_as_a_profile(profile, tmp_path):
    settings = load_settings(profile)
    own = tmp_path / "own.yaml"
    own.write_text(settings_as_yaml(settings), encoding="utf-8")
    assert load_settings(str(own)) == settings


def test_an_override_replaces_one_value():
    settings = load_settings("default", ["segmenter.loss=focal_dice", "detector.cascade=false"])
    assert settings.segmenter.loss == "focal_dice"
    assert settings.detector.cascade is False
    assert settings.classifier == load_settings("default").classifier


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("segmenter.los=bce", ["segmenter.los", "segmenter.loss", "no such setting"]),
        ("segmenter.loss=hinge", ["segmenter.loss", "'hinge'", "dice_bce"]),
        ("segmenter.batch_size=0", ["segmenter.batch_size", "0", ">= 1"]),
        ("segmenter.batch_size=many", ["segmenter.batch_size", "'many'", "integer"]),
        ("segmenter=3", ["segmenter", "3", "section"]),
        ("trainer.steps=3", ["trainer", "no such setting"]),
        ("segmenter.loss", ["segmenter.loss", "key=value"]),
        ("segmenter.loss=[", ["segmenter.loss", "YAML"]),
        ("sampling.strategy=ships_only", ["ships_only", "detector.cascade=false"]),
        ("evaluation.rules=[{metric: dice, min: 2}]", ["evaluation.rules.0.min", "2", "<= 1"]),
        ("evaluation.rules=[{min: 0.2}]", ["evaluation.rules.0.metric", "missing"]),
        ("evaluation.rules=[{metric: dice}]", ["evaluation.rules.0", "min, max_drop or both"]),
        (
            "evaluation.rules=[{metric: auc, min: 0.5}]",
            ["evaluation.rules.0", "'auc'", "pixel_dice", "cascade"],
        ),
        (
            "evaluation.rules=[{metric: dice, slic: {}}]",
            ["evaluation.rules.0.slic", "evaluation.rules.0.slice"],
        ),
        ("detector.overlap_px=512", ["overlap_px", "768", "512"]),
    ],
)
def test_a_wrong_setting_is_named_with_value_and_expectation(override, parts):
    with pytest.raises(SettingsError) as error:
        load_settings("default", [override])
    for part in parts:
        assert part in str(error.value)


def test_all_wrong_settings_are_named_at_once():
    with pytest.raises(SettingsError) as error:
        load_settings("default", ["segmenter.steps=0", "classifier.steps=0"])
    assert "segmenter.steps" in str(error.value)
    assert "classifier.steps" in str(error.value)


def test_an_unknown_profile_lists_the_known_ones():
    with pytest.raises(SettingsError, match="default"):
        load_settings("nothing")


@pytest.mark.parametrize("text", ["segmenter: [1", "- a\n- b\n", "segmenter: 3\n"])
def test_a_broken_profile_file_is_named(text, tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"own\.yaml"):
        load_settings(str(file))


def test_a_profile_that_is_no_text_is_named(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_bytes("segmenter: {loss: schön}".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"own\.yaml is no text in UTF-8"):
        load_settings(str(file))


def test_printed_settings_are_yaml_with_every_setting():
    settings = load_settings("default")
    assert yaml.safe_load(settings_as_yaml(settings)) == settings.model_dump(mode="json")
