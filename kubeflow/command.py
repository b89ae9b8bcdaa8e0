"""`ships compile` and `ships submit`: what the commands do before and after TFX or kfp is loaded."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from rich.console import Console

from components.errors import InputError
from kubeflow.names import PROFILE
from pipeline.quiet import libraries_into
from pipeline.settings import Settings, load_settings, profile_names

if TYPE_CHECKING:
    from kubeflow.server import Server

_NOWHERE = Path("/dev/null")
# What `ships compile` takes too.
_COMPILED_PROFILE = "kubeflow"


@dataclass(frozen=True)
class Target:
    """A KFP server as the command line names it; see `kubeflow.server.Server`."""

    host: str
    namespace: str
    token_file: Path | None

    def connect(self) -> "Server":
        """Reach it; see `Server` for errors."""
        from kubeflow.server import Server  # noqa: PLC0415

        return Server(self.host, self.namespace, self.token_file)


def compile_to_file(settings: Settings, output: Path, console: Console) -> None:
    """Write the compiled pipeline.

    Args:
        settings: validated settings.
        output: file ending in .yaml or .yml, the only ones that KFP's clients upload.
        console: told what was written.

    Raises:
        InputError: the file cannot be written, or has another ending.
        SettingsError: the settings do not fit together.
    """
    if output.suffix not in (".yaml", ".yml"):
        raise InputError(f"--output {output}: expected a file ending in .yaml")
    with libraries_into(_NOWHERE):
        # Seconds of imports, and what they print helps nobody here.
        from kubeflow.compile import as_yaml, compile_pipeline  # noqa: PLC0415

        spec, platform = compile_pipeline(settings)
    try:
        output.write_text(as_yaml(spec, platform), encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written: {error.strerror}") from None
    tasks = len(spec["root"]["dag"]["tasks"])
    image = settings.kubeflow.image_reference
    console.print(f"Wrote {output}: {tasks} tasks, image {image}", highlight=False, soft_wrap=True)


def submit(
    target: Target,
    *,
    pipeline: Path | None,
    profile: str,
    overrides: Sequence[str],
    experiment: str,
    parameters: Mapping[str, str],
    wait_poll_s: float | None,
    console: Console,
) -> None:
    """Upload a pipeline, unless the server has it, start a run of it and wait.

    Args:
        target: where.
        pipeline: compiled file, whose runs take profile and overrides as a parameter; None compiles by them.
        profile: name or file; "" is what was compiled, and `kubeflow` to compile.
        overrides: single settings, as of `--set`.
        experiment: group of runs.
        parameters: of the run without its profile; empty ones are left to the defaults.
        wait_poll_s: seconds between two looks at the run; None does not wait.
        console: told what happens.

    Raises:
        InputError: files, server, pipeline or parameters cannot be used.
        SettingsError: the settings do not fit together.
        RunFailedError: the run failed.
    """
    given = dict(parameters)
    if pipeline is not None:
        given[PROFILE] = _profile_parameter(profile, overrides)
    # Before the seconds that compiling takes.
    server = target.connect()
    with _compiled(pipeline, profile, overrides, console) as file:
        from kubeflow.submit import start, upload  # noqa: PLC0415

        version = upload(server, file)
    told = "Uploaded" if version.new else "The server has"
    console.print(
        f"{told} version {version.name} of pipeline {version.pipeline}", highlight=False, soft_wrap=True
    )
    run_id = start(server, version, experiment, {name: value for name, value in given.items() if value})
    _follow(target, server, run_id, wait_poll_s, console)


def resume(target: Target, run_id: str, wait_poll_s: float | None, console: Console) -> None:
    """Wait for a run that was started before; see `submit` for arguments and errors."""
    _follow(target, target.connect(), run_id, wait_poll_s, console)


def _follow(
    target: Target, server: "Server", run_id: str, wait_poll_s: float | None, console: Console
) -> None:
    from kubeflow.waiting import resume_command, wait  # noqa: PLC0415
    from pipeline.run_command import EXIT_INTERRUPTED  # noqa: PLC0415

    # The UI has the address of the API, unless the API is reached past it.
    link = f"{os.environ.get('KF_PIPELINES_UI_ENDPOINT', server.host).rstrip('/')}/#/runs/details/{run_id}"
    console.print(f"Run {run_id}: {link}", highlight=False, soft_wrap=True)
    token = ["--token-file", str(target.token_file)] if target.token_file else []
    again = resume_command(server, run_id, *token)
    if wait_poll_s is None:
        console.print(f"To wait for it: {again}", highlight=False, soft_wrap=True)
        return
    try:
        wait(server, run_id, link=link, resume=again, console=console, poll_s=wait_poll_s)
    except KeyboardInterrupt:
        told = f"\nNo longer waiting; the run goes on. To wait again: {again}"
        console.print(told, highlight=False, soft_wrap=True)
        sys.exit(EXIT_INTERRUPTED)


@contextlib.contextmanager
def _compiled(
    pipeline: Path | None, profile: str, overrides: Sequence[str], console: Console
) -> Iterator[Path]:
    if pipeline is not None:
        yield pipeline
        return
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "ships.yaml"
        console.print("Compiling the pipeline", highlight=False)
        compile_to_file(load_settings(profile or _COMPILED_PROFILE, overrides), file, Console(quiet=True))
        yield file


def _profile_parameter(profile: str, overrides: Sequence[str]) -> str:
    """What a run of a compiled file is told: the name of a profile in the image, or the text of one."""
    if overrides and not profile:
        raise InputError("--set with --pipeline: say of which --profile, or compile anew without --pipeline")
    if not profile:
        return ""
    # Refused here rather than by the first task of the run.
    settings = load_settings(profile, overrides)
    if not overrides:
        return profile if profile in profile_names() else Path(profile).read_text(encoding="utf-8")
    # Short, since servers take 10,000 bytes of parameters unless told otherwise. What Kubernetes gives the
    # tasks was compiled and stays.
    values = settings.model_dump(mode="json", exclude_defaults=True, exclude={"kubeflow"})
    return yaml.safe_dump(values) if values else "default"
