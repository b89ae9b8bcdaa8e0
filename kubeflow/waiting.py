"""Waits for a run of Kubeflow Pipelines, and says what its tasks do."""

import datetime
import shlex
import time
from collections.abc import Iterator
from typing import Any

import urllib3
from kfp_server_api import ApiException
from rich.console import Console
from rich.markup import escape

from components.errors import InputError, ShipsError
from kubeflow.server import Server, is_passing, quiet

# Port-forwards and laptops drop out for a while in the hours that a training takes.
_PATIENCE_S = 300.0
_RUNNING, _SUCCEEDED, _FAILED = "RUNNING", "SUCCEEDED", "FAILED"
_ENDED = (_SUCCEEDED, _FAILED, "SKIPPED", "CANCELED")
_MARKS = {_SUCCEEDED: "[green]✓[/]", _FAILED: "[red]✗[/]"}
# Argo's node that finds the inputs of a task before it starts.
_DRIVER = "-driver"


class RunFailedError(ShipsError):
    """A run has not ended well; the message names the tasks."""


def wait(server: Server, run_id: str, *, link: str, resume: str, console: Console, poll_s: float) -> None:
    """Wait until a run has ended, telling when tasks start and end.

    Args:
        server: where it runs.
        run_id: of the run.
        link: its page.
        resume: command that waits for it once more.
        console: where to tell.
        poll_s: seconds between two looks.

    Raises:
        RunFailedError: the run failed or was cancelled.
        InputError: the server has no such run, or can no longer be asked.
        KeyboardInterrupt: by Ctrl-C; the run goes on.
    """
    told: dict[str, str] = {}
    with console.status("waiting") as status:
        for run, names in _looks(server, run_id, resume, console, poll_s):
            elapsed = _elapsed(run)
            details = [task for task in _details(run) if task.display_name in names]
            for task in details:
                if told.get(task.display_name) != task.state and task.state in (_RUNNING, *_ENDED):
                    told[task.display_name] = task.state
                    console.print(_line(task, elapsed), highlight=False, soft_wrap=True)
            running = [task.display_name for task in details if task.state == _RUNNING]
            ended = sum(task.state in _ENDED for task in details)
            doing = f": {', '.join(running)}" if running else ""
            status.update(
                f"{elapsed}  {ended}/{len(names)} tasks{doing} (Ctrl-C ends the waiting, not the run)"
            )
    if run.state != _SUCCEEDED:
        raise RunFailedError(_why(run, names, link))
    console.print(f"Succeeded after {elapsed}.", highlight=False, soft_wrap=True)


def resume_command(server: Server, run_id: str, *options: str) -> str:
    """The command that waits for a run once more.

    Args:
        server: where it runs.
        run_id: of the run.
        options: further ones that reach the server.
    """
    return shlex.join(["ships", "submit", "--host", server.host, *options, "--resume", run_id])


def _looks(
    server: Server, run_id: str, resume: str, console: Console, poll_s: float
) -> Iterator[tuple[Any, set[str]]]:
    """The run as it is now and then, last of all as it ended, and the names of its tasks."""
    silent_since: float | None = None
    names: set[str] | None = None
    while True:
        try:
            with quiet():
                run = server.client.get_run(run_id)
                names = _tasks(server.client, run) if names is None else names
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            explained = server.explained(error)
            if silent_since is None and is_passing(error):
                silent_since = time.monotonic()
                console.print(f"{escape(str(explained))} Trying again.", highlight=False, soft_wrap=True)
            if silent_since is None or time.monotonic() - silent_since > _PATIENCE_S or not is_passing(error):
                raise InputError(
                    f"{explained}\nThe run goes on without this; to wait again: {resume}"
                ) from None
        else:
            silent_since = None
            yield run, names
            if run.state in _ENDED:
                return
        time.sleep(poll_s)


def _tasks(client: Any, run: Any) -> set[str]:
    """Names of the pipeline's own tasks, among many more nodes that Argo has."""
    spec, version = run.pipeline_spec, run.pipeline_version_reference
    if not spec and version:
        spec = client.get_pipeline_version(version.pipeline_id, version.pipeline_version_id).pipeline_spec
    # With a platform spec beside it, it is one level further down.
    spec = spec.get("pipeline_spec", spec) if spec else {}
    return set(spec.get("root", {}).get("dag", {}).get("tasks", {}))


def _details(run: Any) -> list[Any]:
    found = run.run_details.task_details if run.run_details else None
    return sorted(found or (), key=lambda task: str(task.start_time or ""))


def _line(task: Any, elapsed: datetime.timedelta) -> str:
    text = f"{_MARKS.get(task.state, ' ')} {elapsed}  {escape(task.display_name):20s} {task.state.lower()}"
    if task.state in _ENDED and task.start_time and task.end_time and task.end_time > task.start_time:
        text += f" after {_rounded(task.end_time - task.start_time)}"
    return text


def _elapsed(run: Any) -> datetime.timedelta:
    """Since the run was created; the clocks of server and client may differ."""
    if run.created_at is None:
        return datetime.timedelta()
    ended = run.finished_at if run.state in _ENDED and run.finished_at else None
    until = ended or datetime.datetime.now(datetime.UTC)
    return max(_rounded(until - run.created_at), datetime.timedelta())


def _rounded(span: datetime.timedelta) -> datetime.timedelta:
    return datetime.timedelta(seconds=round(span.total_seconds()))


def _why(run: Any, names: set[str], link: str) -> str:
    """Which tasks failed; the server does not always know why, their logs do."""
    failed: dict[str, str] = {}
    for task in _details(run):
        name = task.display_name.removesuffix(_DRIVER)
        if task.state == _FAILED and name in names:
            failed[name] = failed.get(name) or (task.error.message if task.error else "")
    lines = [f"run {run.run_id} {(run.state or '').lower()}: {link}"]
    lines += [f"  task {name}: {message or 'its log says why'}" for name, message in failed.items()]
    if run.error and run.error.message:
        lines.append(f"  {run.error.message}")
    return "\n".join(lines)
