"""What the first task of a run hands to the others."""

import json

import pytest

from components.errors import InputError, SettingsError
from kubeflow.names import task_name
from kubeflow.plan import plan
from pipeline.dag import DataSource, create_pipeline
from pipeline.settings import load_settings

# Networks, TFX or TFDV as a whole: seconds each.
pytestmark = pytest.mark.slow

SETTINGS = load_settings("kubeflow", ["segmenter.steps=7", "kubeflow.root=/mnt/ships/a"])


@pytest.fixture(scope="module")
def stages():
    dag = create_pipeline(DataSource("", "", "", ""), SETTINGS, root="", model_store="", schema_file="")
    return [task_name(stage.id) for stage in dag.components]


@pytest.fixture
def parameters(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "labels.csv").write_text("ImageId,EncodedPixels\na.jpg,1 3\n", encoding="utf-8")
    (tmp_path / "scenes.csv").write_text("ImageId,SceneId,Source\na.jpg,s,airbus\n", encoding="utf-8")
    (tmp_path / "root").mkdir()
    return {
        "images": str(tmp_path / "images"),
        "labels": str(tmp_path / "labels.csv"),
        "scenes": "",
        "profile": "",
        "approval": "",
        "root": str(tmp_path / "root"),
        "compiled_settings": SETTINGS.model_dump_json(),
    }


def _steps(planned):
    return json.loads(json.loads(planned["segmenter"])["custom_config"])["settings"]["steps"]


def test_without_a_profile_the_compiled_settings_hold(parameters, stages):
    planned = plan(parameters, stages)
    assert set(planned) == set(stages)
    assert _steps(planned) == 7
    gate = json.loads(planned["approval-gate"])
    assert gate["mode"] == "automatic"
    assert gate["approvals"] == f"{parameters['root']}/approvals.csv"
    assert gate["store"] == f"{parameters['root']}/models/ships"


@pytest.mark.parametrize(
    ("profile", "steps"), [("real-cpu", 1100), ("segmenter: {steps: 9}", 9), ("segmenter:\n  steps: 9\n", 9)]
)
def test_a_profile_by_name_or_text_takes_their_place(parameters, stages, profile, steps):
    assert _steps(plan({**parameters, "profile": profile}, stages)) == steps


def test_the_approval_of_a_run_concerns_the_gate_alone(parameters, stages):
    automatic, manual = (plan({**parameters, "approval": mode}, stages) for mode in ("", "manual"))
    assert {stage for stage in stages if automatic[stage] != manual[stage]} == {"approval-gate"}
    assert json.loads(manual["approval-gate"])["mode"] == "manual"


def test_changed_data_and_decisions_concern_the_stages_that_read_them(parameters, stages, tmp_path):
    before = plan(parameters, stages)
    assert plan(parameters, stages) == before
    (tmp_path / "labels.csv").write_text("ImageId,EncodedPixels\na.jpg,1 4\n", encoding="utf-8")
    relabelled = plan(parameters, stages)
    # The page for the reviewer names the data.
    changed = {"ship-example-gen", "review-report"}
    assert {stage for stage in stages if relabelled[stage] != before[stage]} == changed
    decisions = tmp_path / "root" / "quarantine_decisions.csv"
    decisions.write_text("image_id,sha1,verdict,by,when,note\na.jpg,0,drop,me,now,\n", encoding="utf-8")
    decided = plan(parameters, stages)
    assert {stage for stage in stages if decided[stage] != relabelled[stage]} == {"image-screener"}


def test_further_columns_of_the_scene_table_reach_schema_and_evaluation(parameters, stages, tmp_path):
    planned = plan({**parameters, "scenes": str(tmp_path / "scenes.csv")}, stages)
    schema = json.loads(planned["import-schema-gen"])["schema_file"]
    with open(schema, encoding="utf-8") as file:  # noqa: PTH123
        assert 'name: "Source"' in file.read()
    assert '"Source"' in json.loads(planned["ship-evaluator"])["eval_config"]


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"root": "/nowhere/ships"}, InputError, "kubeflow.volumes"),
        ({"images": "/nowhere/images"}, InputError, "/nowhere/images"),
        ({"approval": "perhaps"}, SettingsError, "approval.mode"),
        ({"profile": "real-gpu"}, SettingsError, "real-cpu"),
        ({"profile": "segmenter: {los: bce}"}, SettingsError, "segmenter.loss"),
        ({"profile": "detector: {cascade: false}"}, SettingsError, "removes classifier"),
    ],
)
def test_what_cannot_be_run_is_told_before_anything_starts(parameters, stages, given, error, told):
    with pytest.raises(error, match=told):
        plan({**parameters, **given}, stages)
