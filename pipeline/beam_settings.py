"""Settings of where the Beam stages run, and Beam's options that they stand for. Imports nothing heavy."""

import itertools
import re
import socket
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from components.errors import SettingsError

_ADDRESS = re.compile(r"[^\s:/]+:\d{1,5}")
_FLINK_MASTER = re.compile(r"(https?://)?[^\s:/]+:\d{1,5}")
_RUNNERS = {"portable": "PortableRunner", "flink": "FlinkRunner", "dataflow": "DataflowRunner"}
# Endings of names: DirectRunner, BundleBasedDirectRunner, ...
_IN_PROCESS = ("directrunner", "fnapirunner", "prismrunner")
# Which runner reads what; anything else given would be passed over in silence.
_READ_BY = {
    "job_endpoint": ("portable", "flink"),
    "flink_master": ("flink",),
    "worker_pool": ("portable", "flink"),
    "worker_image": ("portable", "flink", "dataflow"),
    "parallelism": ("flink", "dataflow"),
    "project": ("dataflow",),
    "region": ("dataflow",),
    "temp_location": ("dataflow",),
}
# Spares seconds a stage: TFX packs itself unless an image is named, and Beam lists all packages, both for the
# start program of a container. Workers of a pool have none, and nothing reads the image's name.
_NO_ARTIFACTS = (
    "--sdk_container_image=external",
    "--experiments=disable_logging_submission_environment",
)
# So long Beam follows a job of its own job service, and so long it waits for a job service to be there: hence
# `check_reached`. Its default, 300 s, ended longer jobs with DEADLINE_EXCEEDED.
_JOB_S = 7 * 24 * 3600
_CONNECT_S = 10.0


def named_runner(options: Iterable[str]) -> str:
    """The runner that Beam's options name, such as "FlinkRunner"; "" if they name none."""
    options = list(options)
    named = ""
    for option, following in itertools.zip_longest(options, options[1:], fillvalue=""):
        if option == "--runner":
            named = following
        elif option.startswith("--runner="):
            named = option.partition("=")[2]
    return named.rpartition(".")[2]


def outside_runner(options: Iterable[str]) -> str:
    """The runner that they name, if its workers are outside of the stage's process; "" if not."""
    named = named_runner(options)
    # Beam knows its runners whatever the case.
    return "" if named.lower().endswith(_IN_PROCESS) else named


def is_dataflow(runner: str) -> bool:
    """Whether a runner of Beam's options is Google's."""
    return runner.lower() == "dataflowrunner"


def check_reached(job_endpoint: str) -> None:
    """Raises SettingsError if nobody listens at a job endpoint (host:port); "" is none."""
    if not job_endpoint:
        return
    host, _, port = job_endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _CONNECT_S).close()
    except OSError as error:
        raise SettingsError(
            f"beam.job_endpoint = {job_endpoint!r}: nobody listens there ({error}); expected host:port of a "
            "Beam job service that runs and is reached from here"
        ) from error


class BeamSettings(BaseModel):
    """Where the Beam stages run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runner: Literal["local", "portable", "flink", "dataflow"] = Field(
        "local",
        description="local: in the process of the stage; portable: through a Beam job service; flink, "
        "dataflow: there. docs/beam.md says when and how.",
    )
    job_endpoint: str = Field(
        "", description="host:port of the job service (portable), or of a Flink job server that runs already."
    )
    flink_master: str = Field(
        "",
        description="host:port of Flink's REST API; without job_endpoint, Beam starts a job server for it.",
    )
    worker_pool: str = Field(
        "",
        description="host:port of a worker pool with this project's packages, as each of the runner's nodes "
        "sees it (portable, flink).",
    )
    worker_image: str = Field(
        "", description="Image of the workers (kubeflow/Dockerfile, target beam), in place of worker_pool."
    )
    parallelism: int | None = Field(
        None, ge=1, description="Flink: tasks at once; Dataflow: workers at most; null: what the runner does."
    )
    project: str = Field("", description="Google Cloud project (dataflow).")
    region: str = Field("", description="Region of the workers (dataflow), such as europe-west4.")
    temp_location: str = Field("", description="Folder for temporary files (dataflow): gs://...")
    args: tuple[str, ...] = Field(
        (),
        description="Further options of Beam's, passed on as they are; with local they may name another "
        "runner of Beam's: [--runner=SparkRunner, ...].",
    )

    @field_validator("job_endpoint", "worker_pool")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value and not _ADDRESS.fullmatch(value):
            raise ValueError(f"{value!r}: expected host:port, such as localhost:8099")
        return value

    @field_validator("flink_master")
    @classmethod
    def _is_flink_master(cls, value: str) -> str:
        if value and not _FLINK_MASTER.fullmatch(value):
            raise ValueError(f"{value!r}: expected host:port of Flink's REST API, such as localhost:8081")
        return value

    @field_validator("temp_location")
    @classmethod
    def _is_bucket(cls, value: str) -> str:
        if value and not re.fullmatch(r"gs://[^/\s]+(/\S*)?", value):
            raise ValueError(
                f"{value!r}: expected a folder in Google Cloud Storage, such as gs://bucket/temp"
            )
        return value

    @model_validator(mode="after")
    def _runner_has_what_it_needs(self) -> "BeamSettings":
        for name, runners in _READ_BY.items():
            if getattr(self, name) and self.runner not in runners:
                raise ValueError(
                    f"{name} = {getattr(self, name)!r} is read by runner {' and '.join(runners)}, and "
                    f"runner is {self.runner}; set the runner, or leave {name} out"
                )
        missing = [name for name in self._needed() if not getattr(self, name)]
        if missing:
            raise ValueError(
                f"runner {self.runner} needs {' and '.join(missing)}; set "
                + " and ".join(f"beam.{name}=... ({_MEANING[name]})" for name in missing)
            )
        if self.runner == "flink" and not (self.job_endpoint or self.flink_master):
            raise ValueError(
                "runner flink needs flink_master (host:port of Flink's REST API; Beam then starts a job "
                "server, which takes Java) or job_endpoint (host:port of a job server that runs already)"
            )
        if self.runner in ("portable", "flink") and bool(self.worker_pool) == bool(self.worker_image):
            raise ValueError(
                f"runner {self.runner} needs either worker_pool (host:port of workers that run already) or "
                "worker_image (which its nodes start by Docker); got "
                + ("both" if self.worker_pool else "neither")
            )
        if self.runner != "local" and named_runner(self.args):
            raise ValueError(f"args name a runner, and runner is {self.runner}; leave one of them out")
        return self

    def options(self) -> list[str]:
        """The options as Beam's PipelineOptions parses them; none for local."""
        if self.runner == "local":
            return list(self.args)
        same = ("job_endpoint", "flink_master", "project", "region", "temp_location")
        options = [
            f"--runner={_RUNNERS[self.runner]}",
            *(f"--{name}={getattr(self, name)}" for name in same if getattr(self, name)),
        ]
        if self.worker_pool:
            options += [
                "--environment_type=EXTERNAL",
                f"--environment_config={self.worker_pool}",
                *_NO_ARTIFACTS,
            ]
        else:
            options.append(f"--sdk_container_image={self.worker_image}")
            if self.runner != "dataflow":
                options += ["--environment_type=DOCKER", f"--environment_config={self.worker_image}"]
        if self.runner != "dataflow":
            options.append(f"--job_server_timeout={_JOB_S}")
        if self.parallelism:
            name = "max_num_workers" if self.runner == "dataflow" else "parallelism"
            options.append(f"--{name}={self.parallelism}")
        return [*options, *self.args]

    def _needed(self) -> tuple[str, ...]:
        if self.runner == "dataflow":
            return ("project", "region", "temp_location", "worker_image")
        return ("job_endpoint",) if self.runner == "portable" else ()


_MEANING = {
    "job_endpoint": "host:port of a Beam job service, such as localhost:8099",
    "project": "Google Cloud project",
    "region": "such as europe-west4",
    "temp_location": "gs://bucket/folder",
    "worker_image": "image of the workers, see docs/beam.md",
}
