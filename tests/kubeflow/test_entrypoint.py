"""The entrypoint with small executors; whole tasks are in tests/end_to_end/test_kubeflow_run.py."""

import json
from pathlib import Path

import pytest
from tfx.dsl.components.base import base_beam_executor, base_executor
from tfx.types import artifact_utils

from components.errors import InputError, TrainingError
from kubeflow import entrypoint

TYPES = {
    "report": "components.data_gate.artifact.DataSetReport",
    "examples": "tfx.types.standard_artifacts.Examples",
}


class CopyExecutor(base_executor.BaseExecutor):
    """Writes what it was given into its output."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802 (TFX's name)
        (report,) = input_dict["report"]
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        told = {"type": type(report).__name__, "count": report.get_int_custom_property("count")}
        told["files"] = sorted(file.name for file in Path(report.uri).iterdir())
        told["properties"] = exec_properties
        (Path(examples.uri) / "told.json").write_text(json.dumps(told), encoding="utf-8")
        examples.split_names = '["train"]'
        examples.set_int_custom_property("image_count", 7)


class BeamExecutor(base_beam_executor.BaseBeamExecutor):
    """Leaves where it was sent in a property."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        (report,), (examples,) = input_dict["report"], output_dict["examples"]
        examples.set_string_custom_property("seen", f"{report.uri} {examples.uri}")


class FailingExecutor(base_executor.BaseExecutor):
    """Raises what its property names."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        folder = output_dict["examples"][0].uri
        raise {"input": InputError, "training": TrainingError, "bug": ZeroDivisionError}[
            exec_properties["error"]
        ](f"nothing in {folder}/Split-train")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs an executor as the launcher would; gives exit code and ExecutorOutput."""
    monkeypatch.setenv("SHIPS_STAGING_ROOT", str(tmp_path))
    output_file = tmp_path / "out" / "executor_output.json"

    def task(executor, properties, *options, root="minio://mlpipeline/v2"):
        report = {
            "name": "41",
            "uri": f"{root}/report",
            "type": {"instanceSchema": ""},
            "metadata": {"count": 3.0},
        }
        examples = {"uri": f"{root}/examples", "type": {"schemaTitle": "system.Dataset"}}
        executor_input = {
            "inputs": {
                "parameterValues": {"properties": json.dumps(properties)},
                "artifacts": {"report": {"artifacts": [report]}},
            },
            "outputs": {
                "artifacts": {"examples": {"artifacts": [examples]}},
                "outputFile": str(output_file),
            },
        }
        code = entrypoint.main(
            [
                *("--task", "copy"),
                *("--executor", f"{executor.__module__}.{executor.__name__}"),
                *("--artifacts", json.dumps(TYPES)),
                *("--executor-input", json.dumps(executor_input)),
                *options,
            ]
        )
        return code, json.loads(output_file.read_text()) if output_file.exists() else None

    return task


def test_an_executor_sees_typed_local_artifacts_and_the_launcher_gets_uris_back(run, tmp_path):
    staged = tmp_path / "minio" / "mlpipeline" / "v2"
    (staged / "report").mkdir(parents=True)
    (staged / "report" / "page.html").write_bytes(b"")
    properties = {"settings": "{}", "steps": 4, "rate": 0.5}
    code, output = run(CopyExecutor, properties)
    assert code == 0
    told = json.loads((staged / "examples" / "told.json").read_text())
    assert told == {"type": "DataSetReport", "count": 3, "files": ["page.html"], "properties": properties}
    assert isinstance(told["properties"]["steps"], int)
    (examples,) = output["artifacts"]["examples"]["artifacts"]
    assert examples["uri"] == "minio://mlpipeline/v2/examples"
    assert examples["metadata"]["split_names"] == '["train"]'
    assert examples["metadata"]["image_count"] == 7


@pytest.mark.parametrize(
    ("scheme", "options", "opened"),
    [
        ("gs://", ["--runner=FlinkRunner", "--sdk_container_image=a"], True),
        ("gs://", [], False),
        ("s3://", ["--runner=FlinkRunner", "--sdk_container_image=a"], False),
    ],
)
def test_workers_elsewhere_are_sent_to_the_store_itself_where_they_can_open_it(
    run, tmp_path, scheme, options, opened
):
    code, output = run(BeamExecutor, {}, *options, root=f"{scheme}bucket/v2")
    assert code == 0
    (examples,) = output["artifacts"]["examples"]["artifacts"]
    assert examples["uri"] == f"{scheme}bucket/v2/examples"
    staged = tmp_path / {"gs://": "gcs", "s3://": "s3"}[scheme] / "bucket" / "v2"
    place = f"{scheme}bucket/v2" if opened else staged
    assert examples["metadata"]["seen"] == f"{place}/report {place}/examples"
    # The launcher uploads what it finds there.
    assert staged.exists() != opened


@pytest.mark.parametrize("marker", [True, False])
def test_an_input_without_files_is_an_empty_folder(run, tmp_path, marker):
    staged = tmp_path / "minio" / "mlpipeline" / "v2"
    if marker:
        staged.mkdir(parents=True)
        (staged / "report").write_bytes(b"")
    code, _ = run(CopyExecutor, {})
    assert code == 0
    assert json.loads((staged / "examples" / "told.json").read_text())["files"] == []


@pytest.mark.parametrize(
    ("error", "code", "trace"), [("input", 2, False), ("training", 1, False), ("bug", 1, True)]
)
def test_a_failure_ends_with_one_line_that_names_task_cause_and_uri(run, capsys, error, code, trace):
    assert run(FailingExecutor, {"error": error}) == (code, None)
    printed = capsys.readouterr().err
    last = printed.strip().splitlines()[-1]
    assert last.startswith("ships: copy failed: ")
    assert last.endswith("nothing in minio://mlpipeline/v2/examples/Split-train")
    assert ("Traceback" in printed) == trace


def test_a_beam_stage_whose_job_service_is_gone_ends_at_once(run, capsys):
    options = ["--runner=PortableRunner", "--job_endpoint=127.0.0.1:1", "--sdk_container_image=a"]
    code, _ = run(BeamExecutor, {}, *options)
    assert code == 2
    assert "beam.job_endpoint = '127.0.0.1:1': nobody listens there" in capsys.readouterr().err
    assert run(CopyExecutor, {}, *options)[0] == 0
