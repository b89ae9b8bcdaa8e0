"""The compiled file, executed task by task: processes of the entrypoint, artifacts in a real S3 server.

What stands in for the backend is `kfp_backend`; everything else is what would run on a cluster.
"""

import json

import numpy as np
import pytest
import tensorflow as tf
import yaml
from commands import QUICK, REPOSITORY, call, run_arguments
from kfp_backend import Backend, ObjectStore
from s3_server import ACCESS_KEY, SECRET_KEY, client, create_bucket, s3_server

from components.approval_gate.approvals import Record, append_approval
from pipeline.root import Root

pytestmark = pytest.mark.slow

DATA = "s3://mlpipeline/data"
PARAMETERS = {
    "images": f"{DATA}/images",
    "labels": f"{DATA}/labels.csv",
    "scenes": f"{DATA}/scenes.csv",
}
# The generated data have broken images among them.
REFUSING = "acceptance: {max_quarantined: 0.0}"


@pytest.fixture(scope="module")
def backend(data, tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("weed")) as address:
        s3 = client(address)
        create_bucket(s3, "mlpipeline")
        store = ObjectStore(s3, "mlpipeline")
        store.upload(data, "data")
        environment = {
            "PYTHONPATH": str(REPOSITORY),
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        yield Backend(store, tmp_path_factory.mktemp("pods"), environment)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The volume that all tasks mount."""
    return Root(tmp_path_factory.mktemp("volume"))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    file = tmp_path_factory.mktemp("compiled") / "ships.yaml"
    overrides = [f"--set={key}={value}" for key, value in QUICK.items()]
    call(["compile", "--output", file, *overrides])
    spec, _ = yaml.safe_load_all(file.read_text(encoding="utf-8"))
    return spec


@pytest.fixture(scope="module")
def waiting_run(backend, compiled, root):
    """A first run, with manual approval, and a segmenter whose node vanishes after an epoch."""
    parameters = {**PARAMETERS, "approval": "manual", "root": str(root.path)}
    run = backend.run(
        compiled, parameters, preempt={"segmenter": lambda: any(root.path.rglob("Segmenter-*.npz"))}
    )
    if run.failure:
        raise run.failure
    return run


@pytest.fixture(scope="module")
def approved_run(backend, compiled, root, waiting_run):
    """The same once more, after a person has approved exactly that model."""
    gate = waiting_run.artifacts["approval-gate"]["blessing"]["metadata"]
    subject = {"model": gate["model_digest"], "evaluation": gate["evaluation_digest"]}
    append_approval(root.approvals, Record("2026-01-01T00:00:00+00:00", "a person", "approve", **subject))
    parameters = {**PARAMETERS, "approval": "manual", "root": str(root.path)}
    run = backend.run(compiled, parameters)
    if run.failure:
        raise run.failure
    return run


def test_every_task_runs_and_the_gate_waits_for_a_person(waiting_run, compiled, root):
    assert set(waiting_run.states) == set(compiled["root"]["dag"]["tasks"])
    assert set(waiting_run.states.values()) == {"done"}
    blessing = waiting_run.artifacts["approval-gate"]["blessing"]["metadata"]
    assert blessing["outcome"] == "waiting"
    assert blessing["blessed"] == 0


def test_a_trainer_whose_node_vanished_goes_on_in_another_pod(waiting_run):
    assert waiting_run.attempts["segmenter"] == 2
    assert {count for task, count in waiting_run.attempts.items() if task != "segmenter"} == {1}
    printed = waiting_run.printed["segmenter"]
    assert "Segmenter goes on from step 2" in printed
    assert "Segmenter, epoch 2: " in printed
    assert "4/4 steps" in printed


def test_artifacts_lie_in_the_object_store_under_the_uris_that_are_recorded(waiting_run, backend):
    for artifacts in waiting_run.artifacts.values():
        assert all(artifact["uri"].startswith("s3://mlpipeline/ships/") for artifact in artifacts.values())
    evaluation = waiting_run.artifacts["ship-evaluator"]["evaluation"]
    key = evaluation["uri"].removeprefix("s3://mlpipeline/") + "/verdict.json"
    verdict = json.loads(backend.store.s3.get_object(Bucket="mlpipeline", Key=key)["Body"].read())
    assert verdict["checks"]
    examples = waiting_run.artifacts["ship-example-gen"]["examples"]["metadata"]
    assert "train_ships" in json.loads(examples["split_names"])


def test_columns_that_only_the_scene_table_names_are_sliced_by(waiting_run, data):
    header = (data / "scenes.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    (column, *_) = header[2:]
    assert f'"{column}"' in json.loads(waiting_run.parameters["plan"]["ship-evaluator"])["eval_config"]


def test_after_the_approval_the_cache_serves_all_but_gate_and_pusher(approved_run):
    done = {task for task, state in approved_run.states.items() if state == "done"}
    assert done == {"plan", "approval-gate", "pusher"}
    assert approved_run.artifacts["approval-gate"]["blessing"]["metadata"]["outcome"] == "push"


def test_the_pushed_model_answers_as_that_of_a_local_run(approved_run, root, data, tmp_path):
    call(run_arguments(data, tmp_path))
    (pushed,) = root.model_store.iterdir()
    (local,) = Root(tmp_path).model_store.iterdir()
    assert_same_detector(pushed, local, data / "images")


def assert_same_detector(pushed, local, images):
    """Same networks, thresholds and answers; after few steps no ship is predicted, so masks say little."""
    ours, theirs = (_variables(model) for model in (pushed, local))
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], atol=1e-4, err_msg=name)
    thresholds = [
        json.loads((model / "assets.extra/thresholds.json").read_text()) for model in (pushed, local)
    ]
    assert thresholds[0]["thresholds"] == thresholds[1]["thresholds"]
    whole = [image.read_bytes() for image in sorted(images.glob("*.jpg")) if image.stat().st_size > 20_000]
    answers = [
        tf.saved_model.load(str(model)).signatures["serving_default"](image_bytes=tf.constant(whole[:8]))
        for model in (pushed, local)
    ]
    assert answers[0].keys() == answers[1].keys()
    np.testing.assert_allclose(*(answer["ship_probability"].numpy() for answer in answers), atol=1e-3)
    np.testing.assert_array_equal(*(answer["encoded_pixels"].numpy() for answer in answers))


def _variables(model):
    """Weights and thresholds of a SavedModel by name; tables and counters are left out."""
    checkpoint = tf.train.load_checkpoint(str(model / "variables" / "variables"))
    names = [name for name, kind in checkpoint.get_variable_to_dtype_map().items() if kind.is_floating]
    assert names
    return {name: checkpoint.get_tensor(name) for name in names}


def test_a_profile_of_the_run_is_used_and_a_refused_data_set_stops_it(backend, compiled, waiting_run, root):
    run = backend.run(compiled, {**PARAMETERS, "profile": REFUSING, "root": str(root.path)})
    assert run.failure.task == "data-gate"
    assert run.failure.code == 1
    assert run.attempts["data-gate"] == 1
    last = run.failure.printed.strip().splitlines()
    assert "ships: data-gate failed: the data set is not accepted" in run.failure.printed
    assert "Traceback" not in run.failure.printed
    assert "s3://mlpipeline/ships/" in last[-1]
    assert "ship-sampler" not in run.states


def test_data_that_is_not_there_ends_the_run_at_its_first_task(backend, compiled, root):
    run = backend.run(compiled, {**PARAMETERS, "images": f"{DATA}/nothing", "root": str(root.path)})
    assert (run.failure.task, run.failure.code) == ("plan", 2)
    assert "ships: plan failed: no image in the folder s3://mlpipeline/data/nothing" in run.failure.printed
    assert "Traceback" not in run.failure.printed
    assert run.states == {}
