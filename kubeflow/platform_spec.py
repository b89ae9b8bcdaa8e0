"""What Kubernetes is to give a pod, and what KFP's own pipeline spec has no words for."""

from typing import Any

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2

from pipeline.kubeflow_settings import KubeflowSettings


def kubernetes_config(settings: KubeflowSettings, trainer: bool) -> dict[str, Any]:
    """KubernetesExecutorConfig of a task: volumes, secrets, image pulling; for trainers nodes and taints.

    Names of claims and secrets are in the fields marked deprecated, which backends of every 2.x release read.
    """
    config = kubernetes_executor_config_pb2.KubernetesExecutorConfig(
        image_pull_policy=settings.image_pull_policy
    )
    for volume in settings.volumes:
        config.pvc_mount.add(constant=volume.claim, mount_path=volume.path)
    for secret in settings.secrets:
        entry = config.secret_as_env.add(secret_name=secret.name)
        for variable, key in secret.env.items():
            entry.key_to_env.add(env_var=variable, secret_key=key)
    for name in settings.image_pull_secrets:
        config.image_pull_secret.add(secret_name=name)
    if trainer:
        config.node_selector.labels.update(settings.trainer_node_selector)
        for toleration in settings.trainer_tolerations:
            config.tolerations.add(**toleration.model_dump())
    message: dict[str, Any] = json_format.MessageToDict(config)
    return message


def resources(settings: KubeflowSettings, trainer: bool) -> dict[str, Any]:
    """ResourceSpec of a task, memory in GB; accelerators by `type` and `count`, which all backends read."""
    cpu = settings.trainer_cpu if trainer else settings.cpu
    memory = settings.trainer_memory_gb if trainer else settings.memory_gb
    spec: dict[str, Any] = {
        "cpuRequest": cpu,
        "cpuLimit": cpu,
        "memoryRequest": memory,
        "memoryLimit": memory,
    }
    if trainer and settings.gpu_count:
        spec["accelerator"] = {"type": settings.gpu_type, "count": settings.gpu_count}
    return spec
