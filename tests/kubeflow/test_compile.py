"""The compiled pipeline: accepted by kfp's own tools, and in order by the backend's rules."""

import copy

import pytest
import yaml
from backend_rules import in_order, problems
from kfp.components import load_component_from_file
from rich.console import Console

from components.errors import InputError, SettingsError
from kubeflow.command import compile_to_file
from kubeflow.compile import compile_pipeline
from kubeflow.names import task_name
from pipeline.settings import load_settings

# Networks, TFX or TFDV as a whole: seconds each.
pytestmark = pytest.mark.slow

CLUSTER = [
    "kubeflow.image=registry.example/ships",
    "kubeflow.tag=v1.2",
    "kubeflow.gpu_type=nvidia.com/gpu",
    "kubeflow.gpu_count=2",
    "kubeflow.trainer_memory_gb=24",
    "kubeflow.trainer_node_selector={cloud.google.com/gke-spot: 'true'}",
    "kubeflow.secrets=[{name: s3, env: {AWS_ACCESS_KEY_ID: accesskey}}]",
    "kubeflow.volumes=[{claim: shared, path: /mnt/ships}]",
    "kubeflow.env={AWS_ENDPOINT_URL: 'http://seaweedfs:8333'}",
    "kubeflow.image_pull_secrets=[registry]",
]
TRAINERS = {"classifier", "segmenter"}


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """Pipeline spec and platform spec, as they are in the file."""
    file = tmp_path_factory.mktemp("compiled") / "ships.yaml"
    compile_to_file(load_settings("kubeflow", CLUSTER), file, Console(quiet=True))
    loaded = load_component_from_file(str(file))
    spec, platform = yaml.safe_load_all(file.read_text(encoding="utf-8"))
    assert loaded.platform_spec.platforms["kubernetes"].deployment_spec.executors
    assert loaded.pipeline_spec.pipeline_info.name == "ships"
    return spec, platform


@pytest.fixture(scope="module")
def tasks(documents):
    return documents[0]["root"]["dag"]["tasks"]


def test_kfp_loads_it_and_sees_the_parameters_of_a_run(documents):
    parameters = documents[0]["root"]["inputDefinitions"]["parameters"]
    required = {name for name, parameter in parameters.items() if not parameter.get("isOptional")}
    assert required == {"images", "labels"}
    assert set(parameters) == {"images", "labels", "scenes", "profile", "approval", "root"}
    assert parameters["root"]["defaultValue"] == "/mnt/ships"
    assert all(parameter["description"] for parameter in parameters.values())


def test_it_keeps_the_rules_of_the_backend(documents):
    assert problems(*documents) == []


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda spec: spec.update(schemaVersion="2.0.0"), "schema version"),
        (lambda spec: spec["components"].update({"Trainer.unet": spec["components"]["comp-plan"]}), "name"),
        (lambda spec: spec["root"]["dag"]["tasks"]["plan"].update(dependentTasks=["pusher"]), "circle"),
        (lambda spec: spec["root"]["dag"]["tasks"]["pusher"].update(dependentTasks=["plan"]), "wait for"),
        (lambda spec: spec["root"]["dag"]["tasks"]["pusher"]["taskInfo"].update(name="Pusher"), "taskInfo"),
        (
            lambda spec: spec["deploymentSpec"]["executors"]["exec-baseline"].update(
                {"resolver": spec["deploymentSpec"]["executors"]["exec-baseline"].pop("container") and {}}
            ),
            "only containers",
        ),
    ],
)
def test_the_rules_find_what_tfx_itself_would_compile(documents, spoil, told):
    spec, platform = copy.deepcopy(documents[0]), documents[1]
    spoil(spec)
    assert any(told in problem for problem in problems(spec, platform))


def test_every_stage_waits_for_the_plan_and_the_order_is_that_of_the_local_run(tasks):
    order = in_order(tasks)
    assert order[:2] == ["plan", "import-schema-gen"]
    assert order.index("data-gate") < order.index("ship-sampler") < order.index("segmenter")
    assert order[-4:] == ["ship-evaluator", "review-report", "approval-gate", "pusher"]
    assert all("plan" in task["dependentTasks"] for name, task in tasks.items() if name != "plan")
    assert "data-gate" in tasks["ship-sampler"]["dependentTasks"]


def test_only_the_trainers_ask_for_gpus_and_spot_nodes(documents):
    spec, platform = documents
    configs = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for label, executor in spec["deploymentSpec"]["executors"].items():
        resources = executor["container"]["resources"]
        if label.removeprefix("exec-") in TRAINERS:
            assert resources["accelerator"] == {"type": "nvidia.com/gpu", "count": "2"}
            assert resources["memoryLimit"] == 24
            assert configs[label]["nodeSelector"]["labels"] == {"cloud.google.com/gke-spot": "true"}
            keys = [toleration["key"] for toleration in configs[label]["tolerations"]]
            assert "nvidia.com/gpu" in keys
            assert "cloud.google.com/gke-spot" in keys
        else:
            assert "accelerator" not in resources
            assert not {"nodeSelector", "tolerations"} & set(configs[label])


def test_every_task_has_image_secrets_and_volumes(documents):
    spec, platform = documents
    configs = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    executors = spec["deploymentSpec"]["executors"]
    assert set(configs) == set(executors)
    for label, executor in executors.items():
        container, config = executor["container"], configs[label]
        assert container["image"] == "registry.example/ships:v1.2"
        assert container["env"] == [{"name": "AWS_ENDPOINT_URL", "value": "http://seaweedfs:8333"}]
        assert config["pvcMount"] == [{"constant": "shared", "mountPath": "/mnt/ships"}]
        assert config["secretAsEnv"] == [
            {"secretName": "s3", "keyToEnv": [{"envVar": "AWS_ACCESS_KEY_ID", "secretKey": "accesskey"}]}
        ]
        assert config["imagePullSecret"] == [{"secretName": "registry"}]


def test_what_depends_on_the_world_outside_is_never_cached(tasks):
    uncached = {name for name, task in tasks.items() if not task.get("cachingOptions", {}).get("enableCache")}
    assert uncached == {"plan", "approval-gate", "pusher"}


def test_a_verdict_is_not_tried_again(tasks):
    assert {name for name, task in tasks.items() if "retryPolicy" not in task} == {"plan", "data-gate"}


def test_no_training_is_longer_than_the_time_within_which_it_is_tried_again(tasks):
    # Argo counts it from the start of the first attempt, and ends the one that runs then.
    longest_minutes = load_settings("kubeflow").segmenter.max_minutes
    for task in tasks.values():
        if policy := task.get("retryPolicy"):
            window_s = float(policy["backoffMaxDuration"].removesuffix("s"))
            assert window_s > 10 * 60 * longest_minutes * (policy["maxRetryCount"] + 1)


def test_an_image_may_be_named_by_its_digest():
    image = f"registry.example:5000/ships@sha256:{64 * 'a'}"
    spec, platform = compile_pipeline(load_settings("kubeflow", [f"kubeflow.image={image}"]))
    containers = [found["container"] for found in spec["deploymentSpec"]["executors"].values()]
    assert {container["image"] for container in containers} == {image}
    assert problems(spec, platform) == []


def test_without_a_cascade_there_is_no_classifier():
    spec, platform = compile_pipeline(load_settings("kubeflow", ["detector.cascade=false"]))
    assert "classifier" not in spec["root"]["dag"]["tasks"]
    assert problems(spec, platform) == []


def test_beam_options_follow_the_arguments_of_every_task():
    spec, _ = compile_pipeline(load_settings("kubeflow", ["beam.args=[--direct_num_workers=2]"]))
    for executor in spec["deploymentSpec"]["executors"].values():
        assert executor["container"]["args"][-3:] == ["--executor-input", "{{$}}", "--direct_num_workers=2"]


FLINK = ["beam.runner=flink", "beam.flink_master=flink-rest:8081", "beam.worker_pool=localhost:50000"]
DATAFLOW = [
    "beam.runner=dataflow",
    "beam.project=sea",
    "beam.region=europe-west4",
    "beam.temp_location=gs://bucket/temp",
    "beam.worker_image=registry.example/ships-beam:v1",
]
STAGED_VOLUMES = "[{claim: ships, path: /mnt/ships}, {claim: staged, path: /minio/mlpipeline}]"


@pytest.mark.parametrize(
    ("beam", "cluster"),
    [
        (FLINK, f"kubeflow.volumes={STAGED_VOLUMES}"),
        (FLINK, "kubeflow.pipeline_root=gs://bucket/ships"),
        (DATAFLOW, "kubeflow.pipeline_root=gs://bucket/ships"),
    ],
)
def test_every_task_is_told_the_runner(beam, cluster):
    settings = load_settings("kubeflow", [*beam, cluster])
    spec, platform = compile_pipeline(settings)
    assert problems(spec, platform) == []
    options = settings.beam.options()
    for executor in spec["deploymentSpec"]["executors"].values():
        assert executor["container"]["args"][-len(options) :] == options


@pytest.mark.parametrize(
    ("beam", "cluster", "parts"),
    [
        (
            FLINK,
            "kubeflow.pipeline_root=s3://bucket/ships",
            ["s3://bucket/ships", "gs://", "kubeflow.volumes"],
        ),
        (FLINK, "kubeflow.pipeline_root=''", ["pipeline_root = ''", "/minio/mlpipeline"]),
        (DATAFLOW, f"kubeflow.volumes={STAGED_VOLUMES}", ["Dataflow", "pipeline_root = ''", "gs://"]),
        (["beam.args=[--runner=SparkRunner]"], "kubeflow.pipeline_root=''", ["SparkRunner", "gs://"]),
        (["beam.args=[--runner, dataflowrunner]"], f"kubeflow.volumes={STAGED_VOLUMES}", ["dataflowrunner"]),
    ],
)
def test_workers_that_would_not_see_the_artifacts_are_refused(beam, cluster, parts):
    with pytest.raises(SettingsError) as error:
        compile_pipeline(load_settings("kubeflow", [*beam, cluster]))
    for part in parts:
        assert part in str(error.value)


def test_without_gpus_the_trainers_ask_for_none():
    spec, _ = compile_pipeline(load_settings("kubeflow", ["kubeflow.gpu_count=0"]))
    executors = spec["deploymentSpec"]["executors"]
    assert not any("accelerator" in executor["container"]["resources"] for executor in executors.values())


def test_rules_about_columns_that_only_a_run_knows_compile():
    rule = "evaluation.rules=[{metric: dice, slice: {Source: airbus}, min: 0.3}]"
    compile_pipeline(load_settings("kubeflow", [rule]))


@pytest.mark.parametrize(
    ("stage", "task"),
    [
        ("ShipExampleGen", "ship-example-gen"),
        ("Pusher", "pusher"),
        ("HTMLReport", "html-report"),
        ("Trainer2D", "trainer2-d"),
    ],
)
def test_names_fit_for_kubernetes(stage, task):
    assert task_name(stage) == task


def test_a_file_that_kfp_would_not_upload_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"\.yaml"):
        compile_to_file(load_settings("kubeflow"), tmp_path / "ships.json", Console(quiet=True))


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("kubeflow.root=/data", ["root = /data", "volumes"]),
        ("kubeflow.gpu_count=-1", ["kubeflow.gpu_count", ">= 0"]),
        ("kubeflow.volumes=[{claim: x}]", ["kubeflow.volumes.0.path", "missing"]),
        ("kubeflow.trainer_tolerations=[{operator: Is}]", ["operator", "Exists"]),
        ("kubeflow.trainer_tolerations=[{key: a, operator: Exists, value: b}]", ["Exists takes no value"]),
        ("kubeflow.trainer_tolerations=[{value: b}]", ["needs the key"]),
        ("kubeflow.trainer_tolerations=[{key: a}]", ["value of the taint", "operator Exists"]),
        ("kubeflow.image=registry.example:5000/ships:v1", ["has a tag", "kubeflow.tag"]),
        ("kubeflow.image=ships@sha256:abc", ["digest", "64 hexadecimal digits"]),
    ],
)
def test_wrong_settings_of_the_cluster_are_named(override, parts):
    with pytest.raises(SettingsError) as error:
        load_settings("kubeflow", [override])
    for part in parts:
        assert part in str(error.value)
