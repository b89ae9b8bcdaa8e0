"""The manifests: valid Kubernetes objects that fit to what `ships compile` and `ships serve` do."""

import copy
import inspect
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from kubeflow.compile import compile_pipeline
from pipeline.cli.models import serve_command
from pipeline.names import MODEL_NAME
from pipeline.root import Root
from pipeline.settings import load_settings

MANIFESTS = Path(__file__).parents[2] / "kubeflow" / "manifests"
TARGETS = {path.parent.relative_to(MANIFESTS).as_posix() for path in MANIFESTS.rglob("kustomization.yaml")}
KUBECTL = shutil.which("kubectl")
# The oldest release that is checked against, and the newest that the validator knows.
KUBERNETES = ("1.30", kubernetes_validate.latest_version())

# KServe's own fields of an InferenceService, as far as they are used here: names and types as in its CRD
# (kserve/kserve, config/crd/full/serving.kserve.io_inferenceservices.yaml at 047112c8, 1 MB), which is laxer
# in what must be there and knows no bounds. All other fields of `predictor` are those of a pod, and of
# `model` those of a container, in the CRD as well; for these Kubernetes has a schema.
OWN_FIELDS_OF_PREDICTOR = ("minReplicas", "maxReplicas", "model")
OWN_FIELDS_OF_MODEL = ("modelFormat", "runtime", "runtimeVersion", "protocolVersion", "storageUri")
TEXT = {"type": "string", "minLength": 1}
INFERENCE_SERVICE = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "serving.kserve.io/v1beta1"},
        "kind": {"const": "InferenceService"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "required": ["predictor"],
            "additionalProperties": False,
            "properties": {
                "predictor": {
                    "type": "object",
                    "properties": {
                        "minReplicas": {"type": "integer", "minimum": 0},
                        "maxReplicas": {"type": "integer", "minimum": 1},
                        "model": {
                            "type": "object",
                            "required": ["modelFormat"],
                            "properties": {
                                "modelFormat": {
                                    "type": "object",
                                    "required": ["name"],
                                    "additionalProperties": False,
                                    "properties": {"name": TEXT, "version": TEXT},
                                },
                                **dict.fromkeys(OWN_FIELDS_OF_MODEL[1:], TEXT),
                            },
                        },
                    },
                }
            },
        },
    },
}

Object = dict[str, Any]


@pytest.fixture(scope="module")
def rendered():
    """Gives the objects of a target by kind and name, as Kustomize renders them."""
    if KUBECTL is None:
        pytest.skip("kubectl is not installed, so the Kustomize overlays are NOT rendered")
    found: dict[str, dict[tuple[str, str], Object]] = {}
    for target in TARGETS:
        done = subprocess.run(
            [KUBECTL, "kustomize", str(MANIFESTS / target)], capture_output=True, text=True, check=False
        )
        assert not done.returncode, done.stderr
        # Kustomize says so when something is deprecated.
        assert not done.stderr
        documents = list(yaml.safe_load_all(done.stdout))
        found[target] = {(document["kind"], document["metadata"]["name"]): document for document in documents}
        assert len(found[target]) == len(documents)
    return found


@pytest.fixture(scope="module")
def pod(rendered):
    """Gives the pod of a Deployment of a target."""
    return lambda target, name: rendered[target][("Deployment", name)]["spec"]["template"]["spec"]


def check(document: Object, version: str) -> None:
    """Raises if an object is not what Kubernetes or KServe takes."""
    if document["kind"] != "InferenceService":
        kubernetes_validate.validate(document, version, strict=True)
        return
    jsonschema.validate(document, INFERENCE_SERVICE)
    predictor = copy.deepcopy(document["spec"]["predictor"])
    container = predictor.get("model", {})
    for field in OWN_FIELDS_OF_MODEL:
        container.pop(field, None)
    for field in OWN_FIELDS_OF_PREDICTOR:
        predictor.pop(field, None)
    spec = {"containers": [{"name": "kserve-container", **container}], **predictor}
    inner = {"apiVersion": "v1", "kind": "Pod", "metadata": document["metadata"], "spec": spec}
    kubernetes_validate.validate(inner, version, strict=True)


def test_the_targets_are_those_of_the_docs():
    assert {"base", "overlays/gpu", "overlays/dev", "overlays/kserve", "overlays/kserve-gpu"} == TARGETS


@pytest.mark.parametrize("file", sorted(MANIFESTS.rglob("*.yaml")), ids=lambda file: file.name)
def test_every_file_is_used_and_every_file_named_is_there(file):
    kustomization = file.with_name("kustomization.yaml")
    resources = yaml.safe_load(kustomization.read_text(encoding="utf-8"))["resources"]
    if file == kustomization:
        assert all((file.parent / resource).exists() for resource in resources)
    else:
        assert file.name in resources


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("target", sorted(TARGETS))
def test_every_object_is_valid(rendered, target, version):
    for document in rendered[target].values():
        check(document, version)


@pytest.mark.parametrize(
    ("kind", "name", "path", "value"),
    [
        ("Deployment", "ships-serving", "spec.replicas", "two"),
        ("Deployment", "ships-serving", "spec.template.spec.toleration", []),
        ("PersistentVolumeClaim", "ships", "spec.resources.requests", [1]),
        ("InferenceService", "ships", "spec.predictor.model.runtimeVersion", 2.19),
        ("InferenceService", "ships", "spec.predictor.model.storageURI", "pvc://ships"),
        ("InferenceService", "ships", "spec.predictor.model.modelFormat", {"version": "2"}),
        ("InferenceService", "ships", "spec.predictor.model.resources", {"limit": {"cpu": "1"}}),
        ("InferenceService", "ships", "spec.predictor.tolerations", [{"keys": "nvidia.com/gpu"}]),
        ("InferenceService", "ships", "spec.predictors", {}),
    ],
)
def test_the_check_finds_what_is_wrong(rendered, kind, name, path, value):
    document = copy.deepcopy((rendered["base"] | rendered["overlays/kserve"])[(kind, name)])
    *way, last = path.split(".")
    spoilt = document
    for key in way:
        spoilt = spoilt[key]
    spoilt[last] = value
    with pytest.raises((kubernetes_validate.ValidationError, jsonschema.ValidationError)):
        check(document, KUBERNETES[-1])


def test_the_tasks_mount_the_claim_where_models_are_pushed(rendered, pod):
    spec, platform = compile_pipeline(load_settings("kubeflow", []))
    mounts = {
        (mount["constant"], mount["mountPath"])
        for config in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values()
        for mount in config["pvcMount"]
    }
    root = spec["root"]["inputDefinitions"]["parameters"]["root"]["defaultValue"]
    assert mounts == {("ships", root)}
    store = Root(Path(root)).model_store
    for target, objects in rendered.items():
        assert ("PersistentVolumeClaim", "ships") in objects
        for kind, name in objects:
            if kind == "Deployment":
                found = pod(target, name)
                claims = {
                    volume["name"]: volume["persistentVolumeClaim"]["claimName"]
                    for volume in found["volumes"]
                    if "persistentVolumeClaim" in volume
                }
                (container,) = found["containers"]
                paths = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
                assert {(claims[volume], paths[volume]) for volume in claims} == mounts
    model = rendered["overlays/kserve"][("InferenceService", "ships")]["spec"]["predictor"]["model"]
    assert model["storageUri"] == f"pvc://ships/{store.relative_to(root)}"
    (server,) = pod("base", "ships-serving")["containers"]
    assert f"--model_base_path={store}" in server["args"]


def test_model_name_and_ports_are_those_of_ships_serve(rendered, pod):
    options = {
        name: parameter.default for name, parameter in inspect.signature(serve_command).parameters.items()
    }
    assert options["name"] == MODEL_NAME
    (server,) = pod("base", "ships-serving")["containers"]
    assert f"--model_name={options['name']}" in server["args"]
    assert f"--port={options['grpc_port']}" in server["args"]
    assert f"--rest_api_port={options['rest_port']}" in server["args"]
    ports = {port["name"]: port["containerPort"] for port in server["ports"]}
    assert ports == {"grpc": options["grpc_port"], "rest": options["rest_port"]}
    service = rendered["base"][("Service", "ships-serving")]["spec"]
    assert {port["targetPort"]: port["port"] for port in service["ports"]} == ports
    # The model's name is that of the service in KServe.
    assert ("InferenceService", MODEL_NAME) in rendered["overlays/kserve"]


def test_the_service_finds_its_pods(rendered):
    selector = rendered["base"][("Service", "ships-serving")]["spec"]["selector"]
    deployment = rendered["base"][("Deployment", "ships-serving")]["spec"]
    assert selector.items() <= deployment["template"]["metadata"]["labels"].items()
    other = rendered["base"][("Deployment", "ships-data")]["spec"]["template"]["metadata"]["labels"]
    assert not selector.items() <= other.items()


def test_no_pod_runs_as_root_or_without_limits_and_images_have_versions(rendered, pod):
    for target, objects in rendered.items():
        for kind, name in objects:
            if kind == "Deployment":
                found = pod(target, name)
                assert found["securityContext"]["runAsNonRoot"]
                assert found["securityContext"]["runAsUser"] == 1000
                for container in found["containers"]:
                    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
                    assert not container["securityContext"]["allowPrivilegeEscalation"]
                    assert {"cpu", "memory"} <= set(container["resources"]["limits"])
                    assert container["image"].partition(":")[2] not in ("", "latest")


def test_the_gpu_overlays_ask_for_a_gpu_and_the_others_do_not(rendered, pod):
    def server(target: str) -> tuple[str, Object, list[Object]]:
        if ("Deployment", "ships-serving") in rendered[target]:
            found = pod(target, "ships-serving")
            (container,) = found["containers"]
            return container["image"].partition(":")[2], container["resources"], found.get("tolerations", [])
        predictor = rendered[target][("InferenceService", "ships")]["spec"]["predictor"]
        model = predictor["model"]
        return model["runtimeVersion"], model["resources"], predictor.get("tolerations", [])

    for target in sorted(TARGETS):
        version, resources, tolerations = server(target)
        with_gpu = target.endswith("gpu")
        assert version == ("2.19.1-gpu" if with_gpu else "2.19.1")
        assert ("nvidia.com/gpu" in resources["limits"]) == with_gpu
        assert any(toleration["key"] == "nvidia.com/gpu" for toleration in tolerations) == with_gpu


def test_kserve_takes_the_place_of_the_plain_server(rendered):
    for target in ("overlays/kserve", "overlays/kserve-gpu"):
        assert not {("Deployment", "ships-serving"), ("Service", "ships-serving")} & set(rendered[target])
