"""Commands for Kubeflow Pipelines."""

from pathlib import Path
from typing import Annotated

import typer

from components.errors import InputError
from pipeline.cli.options import ProfileOption, SetOption, console
from pipeline.root import Root
from pipeline.settings import load_settings


def compile_command(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, such as ships.yaml.")],
    profile: ProfileOption = "kubeflow",
    overrides: SetOption = [],  # noqa: B006
) -> None:
    """Compile the pipeline for Kubeflow Pipelines v2: one file for many runs.

    Data, profile and approval are parameters of each run; image, GPUs, volumes, secrets are settings of the
    section kubeflow.
    """
    from kubeflow.command import compile_to_file  # noqa: PLC0415

    compile_to_file(load_settings(profile, overrides), output, console())


def submit_command(
    *,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            envvar="KF_PIPELINES_ENDPOINT",
            help="Address of Kubeflow Pipelines, such as http://localhost:8080.",
        ),
    ],
    images: Annotated[
        str, typer.Option("--images", help="Folder of the images, as the cluster sees it.")
    ] = "",
    labels: Annotated[
        str, typer.Option("--labels", help="CSV with ImageId,EncodedPixels, seen likewise.")
    ] = "",
    scenes: Annotated[str, typer.Option("--scenes", help="CSV with ImageId,SceneId, seen likewise.")] = "",
    approval: Annotated[str, typer.Option("--approval", help="automatic or manual.")] = "",
    root: Annotated[
        str, typer.Option("--root", help="Folder on a mounted volume for pushed models and approvals.")
    ] = "",
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            help="Profile to compile (kubeflow); with --pipeline, the one of this run: a name in the image, "
            "or a YAML file, whose text is sent.",
        ),
    ] = "",
    overrides: SetOption = [],  # noqa: B006
    pipeline: Annotated[
        Path | None, typer.Option("--pipeline", help="File of `ships compile`; else it is compiled now.")
    ] = None,
    namespace: Annotated[
        str, typer.Option("--namespace", help="Yours, where the server has many users.")
    ] = "",
    experiment: Annotated[str, typer.Option("--experiment", help="Group of runs.")] = "ships",
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file", envvar="KF_PIPELINES_SA_TOKEN_PATH", help="Bearer token, read anew as it changes."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the run to end.")] = True,
    poll_s: Annotated[float, typer.Option("--poll-s", min=0.01, help="Seconds between looks at it.")] = 5,
    run_id: Annotated[str, typer.Option("--resume", metavar="RUN", help="Wait for this run again.")] = "",
) -> None:
    """Run the pipeline on Kubeflow Pipelines v2: upload it unless it is there, start a run, wait for its end.

    Ctrl-C ends the waiting, not the run. After an approval, the same command again pushes the model.
    """
    from kubeflow.command import Target, resume, submit  # noqa: PLC0415

    target, wait_poll_s = Target(host, namespace, token_file), poll_s if wait else None
    if run_id:
        resume(target, run_id, wait_poll_s, console())
        return
    if not images or not labels:
        raise InputError("--images and --labels: needed for a new run (--resume RUN waits for one)")
    if root:
        Root(Path(root))  # refuses an address before anything is uploaded
    parameters = {"images": images, "labels": labels, "scenes": scenes, "approval": approval, "root": root}
    submit(
        target,
        pipeline=pipeline,
        profile=profile,
        overrides=overrides,
        experiment=experiment,
        parameters=parameters,
        wait_poll_s=wait_poll_s,
        console=console(),
    )
