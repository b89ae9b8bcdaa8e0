"""`ships submit`: uploads a compiled pipeline where it is not there yet, and starts runs of it."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kfp_server_api
import yaml

from components.errors import InputError
from kubeflow.server import Server

# 64 bits of the digest: versions of a pipeline are told apart by it, and people have to read it.
_DIGITS = 16


@dataclass(frozen=True)
class Version:
    """A version of a pipeline on a server.

    Attributes:
        pipeline: name of the pipeline, as in its file.
        name: first digits of the file's SHA-256.
        new: whether it was uploaded just now.
    """

    pipeline: str
    name: str
    pipeline_id: str
    version_id: str
    new: bool


def upload(server: Server, file: Path) -> Version:
    """The version of a compiled file; uploads it only if the server does not have it.

    Raises:
        InputError: the file is no pipeline, or the server refuses it; the message holds the server's words.
    """
    pipeline, name = _pipeline_name(file), hashlib.sha256(file.read_bytes()).hexdigest()[:_DIGITS]
    with server.api() as client:
        found = server.find(client.list_pipelines, "pipelines", pipeline, namespace=server.namespace)
        if found is None:
            # Not upload_pipeline, which would give the name of the pipeline to its first version too.
            found = client.pipelines.pipeline_service_create_pipeline(
                kfp_server_api.V2beta1Pipeline(display_name=pipeline, namespace=server.namespace)
            )
        pipeline_id = found.pipeline_id
        version = server.find(
            client.list_pipeline_versions, "pipeline_versions", name, pipeline_id=pipeline_id
        )
        new = version is None
        if version is None:
            version = client.upload_pipeline_version(str(file), name, pipeline_id=pipeline_id)
    return Version(pipeline, name, pipeline_id, version.pipeline_version_id, new)


def start(server: Server, version: Version, experiment: str, parameters: Mapping[str, str]) -> str:
    """Start a run; its id.

    Args:
        server: where.
        version: of which pipeline.
        experiment: name of the group of runs, made if there is none.
        parameters: of the run; those left out have the defaults of the pipeline.

    Raises:
        InputError: the server refuses; the message holds its words.
    """
    with server.api() as client:
        group = client.create_experiment(experiment, namespace=server.namespace)
        run = client.run_pipeline(
            group.experiment_id,
            f"{version.pipeline} {time.strftime('%Y-%m-%d %H:%M:%S')}",
            params=dict(parameters),
            pipeline_id=version.pipeline_id,
            version_id=version.version_id,
        )
    return str(run.run_id)


def _pipeline_name(file: Path) -> str:
    if file.suffix not in (".yaml", ".yml"):
        raise InputError(f"--pipeline {file}: expected a .yaml file, as `ships compile` writes it")
    try:
        with file.open(encoding="utf-8") as stream:
            documents: list[Any] = list(yaml.safe_load_all(stream))
    except OSError as error:
        raise InputError(f"--pipeline {file}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        documents = []
    for document in documents:
        if isinstance(document, dict) and isinstance(document.get("pipelineInfo"), dict):
            return str(document["pipelineInfo"].get("name", ""))
    raise InputError(f"--pipeline {file}: is no compiled pipeline; `ships compile` writes one")
