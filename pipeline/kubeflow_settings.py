"""Settings of a Kubeflow Pipelines cluster, fixed when the pipeline is compiled. Imports nothing heavy."""

import re
from pathlib import PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VolumeSettings(_Settings):
    """A persistent volume claim that every task mounts."""

    claim: str = Field(min_length=1, description="Name of the claim in the namespace of the runs.")
    path: str = Field(pattern="^/.+", description="Where it is mounted.")


class SecretSettings(_Settings):
    """A Kubernetes secret whose values every task finds in its environment."""

    name: str = Field(min_length=1, description="Name of the secret.")
    env: dict[str, str] = Field(min_length=1, description="Environment variable: key of the secret.")


class TolerationSettings(_Settings):
    """A taint that the trainers accept, as Kubernetes writes it."""

    key: str = Field("", description="Key of the taint; empty with Exists: any.")
    operator: Literal["Exists", "Equal"] = Field("Equal", description="How the value is compared.")
    value: str = Field("", description="Value of the taint, with Equal.")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        "", description="Effect of the taint; empty: any."
    )

    @model_validator(mode="after")
    def _kubernetes_takes_it(self) -> "TolerationSettings":
        if self.operator == "Exists" and self.value:
            raise ValueError(f"operator Exists takes no value, got {self.value!r}; expected operator Equal")
        if self.operator == "Equal" and not self.key:
            raise ValueError("operator Equal needs the key of a taint; for any taint set operator Exists")
        if self.operator == "Equal" and "value" not in self.model_fields_set:
            # Kubernetes would take it for the empty one, which the taint of a GPU node seldom has.
            raise ValueError("operator Equal needs the value of the taint; for any value set operator Exists")
        return self


class KubeflowSettings(_Settings):
    """What `ships compile` writes into a compiled pipeline."""

    image: str = Field(
        "ships",
        min_length=1,
        description="Container image of all tasks, without its tag, or with its digest: name@sha256:...",
    )
    tag: str = Field(
        "latest",
        min_length=1,
        description="Tag of the image, unless it has a digest; quote a number ('1.10'). Either is part of "
        "Kubeflow's cache key.",
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="When nodes pull the image anew; Always for a tag that moves."
    )
    image_pull_secrets: tuple[str, ...] = Field((), description="Secrets by which nodes may pull it.")
    root: str = Field(
        "/mnt/ships",
        pattern="^/.+",
        description="Default of the run parameter root: a folder on a volume, laid out as that of ships run.",
    )
    volumes: tuple[VolumeSettings, ...] = Field(
        (VolumeSettings(claim="ships", path="/mnt/ships"),),
        description="Claims that every task mounts: [{claim: ..., path: ...}]. Tasks of a run may lie on "
        "several nodes, so a claim must be ReadWriteMany where there is more than one.",
    )
    secrets: tuple[SecretSettings, ...] = Field(
        (), description="Secrets in the environment of every task: [{name: ..., env: {VARIABLE: key}}]."
    )
    env: dict[str, str] = Field(
        {}, description="Environment of every task, such as {AWS_ENDPOINT_URL: 'http://...'}."
    )
    cpu: float = Field(2, gt=0, description="CPUs of a task other than the trainers.")
    memory_gb: float = Field(8, gt=0, description="Memory of a task other than the trainers, in GB.")
    gpu_type: str = Field("nvidia.com/gpu", description="Kubernetes' name of the trainers' accelerator.")
    gpu_count: int = Field(1, ge=0, description="Accelerators of each trainer; 0: they train on CPUs.")
    trainer_cpu: float = Field(4, gt=0, description="CPUs of each trainer.")
    trainer_memory_gb: float = Field(16, gt=0, description="Memory of each trainer, in GB.")
    trainer_node_selector: dict[str, str] = Field(
        {}, description="Labels of the nodes for the trainers, such as {cloud.google.com/gke-spot: 'true'}."
    )
    trainer_tolerations: tuple[TolerationSettings, ...] = Field(
        (),
        description="Taints that the trainers accept: [{key: ..., operator: Exists | Equal, value: ..., "
        "effect: ...}], those of GPU nodes and of spot or preemptible ones.",
    )
    retries: int = Field(
        2, ge=0, description="How often a failed task is tried again; a spot node may vanish under it."
    )
    pipeline_root: str = Field(
        "", description="Where artifacts go, such as s3://bucket/ships; empty: what the cluster says."
    )

    @property
    def image_reference(self) -> str:
        """Image with its digest, or else with the tag."""
        return self.image if "@" in self.image else f"{self.image}:{self.tag}"

    @field_validator("image")
    @classmethod
    def _has_no_tag(cls, value: str) -> str:
        name, at, digest = value.partition("@")
        if ":" in name.rpartition("/")[2]:
            raise ValueError(f"{value!r} has a tag; expected the name alone, and the tag in kubeflow.tag")
        if at and not re.fullmatch("sha256:[0-9a-f]{64}", digest):
            raise ValueError(f"{value!r}: expected a digest of the form sha256: and 64 hexadecimal digits")
        return value

    @model_validator(mode="after")
    def _root_lies_on_a_volume(self) -> "KubeflowSettings":
        root = PurePosixPath(self.root)
        if not any(root.is_relative_to(volume.path) for volume in self.volumes):
            raise ValueError(
                f"root = {self.root} lies on none of the volumes; pushed models and approvals would vanish "
                "with the task. Give a volume whose path leads to it"
            )
        return self
