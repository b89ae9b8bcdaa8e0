"""The `ships` command. Imports neither TensorFlow nor TFX, so that --help answers at once."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from components.errors import InputError, SettingsError, ShipsError
from pipeline.names import MODEL_NAME
from pipeline.prediction.forms import Format
from pipeline.root import Root
from pipeline.serving.options import Address, Limits
from pipeline.settings import load_settings, profile_names, settings_as_yaml

_EXIT_FAILED = 1
_EXIT_BAD_INPUT = 2

app = typer.Typer(
    help="Find and segment ships on satellite images with a TFX pipeline.",
    epilog="Start with `ships demo`, which needs no data of your own.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

ImagesOption = Annotated[str, typer.Option("--images", help="Folder of the images (JPEG or PNG, 768x768).")]
LabelsOption = Annotated[
    str, typer.Option("--labels", help="CSV with ImageId,EncodedPixels; an empty value: no ship.")
]
ScenesOption = Annotated[
    str,
    typer.Option(
        "--scenes",
        help="CSV with ImageId,SceneId: tiles of a scene never straddle splits. "
        "Further columns are kept and can slice the evaluation.",
    ),
]
ProfileOption = Annotated[
    str, typer.Option("--profile", help="Name of a profile (`ships settings` lists them) or a YAML file.")
]
SetOption = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Replace one setting, such as segmenter.loss=focal_dice."
    ),
]
RootOption = Annotated[
    Path, typer.Option("--root", help="Folder of all runs: artifacts, metadata, pushed models.")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Show what the libraries print.")]


@app.command("run")
def run_command(
    *,
    images: ImagesOption,
    labels: LabelsOption,
    root: RootOption,
    scenes: ScenesOption = "",
    profile: ProfileOption = "default",
    overrides: SetOption = [],  # noqa: B006 (typer copies it)
    verbose: VerboseOption = False,
) -> None:
    """Run the whole pipeline on your own images.

    The same command again goes on where the last one ended: whatever has not changed comes from the cache.
    """
    from pipeline.run_command import Inputs, run  # noqa: PLC0415

    settings = load_settings(profile, overrides)
    run(Inputs(images, labels, scenes), settings, Root(root), _console(), verbose=verbose)


@app.command("stats")
def stats_command(
    *,
    images: ImagesOption,
    labels: LabelsOption,
    root: RootOption,
    scenes: ScenesOption = "",
    profile: ProfileOption = "default",
    overrides: SetOption = [],  # noqa: B006
    verbose: VerboseOption = False,
) -> None:
    """Look at a data set before anything is trained on it: screening, statistics, drift, one page to read.

    Runs the data stages of the pipeline only; a later `ships run` takes them from the cache.
    """
    from pipeline.run_command import Inputs, run  # noqa: PLC0415

    settings = load_settings(profile, overrides)
    run(Inputs(images, labels, scenes), settings, Root(root), _console(), verbose=verbose, data_only=True)


@app.command("demo")
def demo_command(
    root: RootOption,
    scenes: Annotated[int, typer.Option("--scenes", min=6, help="Number of generated scenes.")] = 30,
    profile: ProfileOption = "demo",
    overrides: SetOption = [],  # noqa: B006
    verbose: VerboseOption = False,
) -> None:
    """Generate a small data set, broken files included, and run the whole pipeline on it."""
    from pipeline.demo.command import run_demo  # noqa: PLC0415

    run_demo(scenes, load_settings(profile, overrides), Root(root), _console(), verbose)


@app.command("experiment")
def experiment_command(
    *,
    experiment: Annotated[
        str,
        typer.Argument(
            metavar="EXPERIMENT",
            help="YAML file of variants, or `report-story` or `smoke` (docs/experiments.md).",
        ),
    ],
    images: ImagesOption,
    labels: LabelsOption,
    root: RootOption,
    scenes: ScenesOption = "",
    overrides: SetOption = [],  # noqa: B006
    seeds: Annotated[
        list[int],
        typer.Option("--seed", metavar="N", help="Of both trainers, not those of the file; may be repeated."),
    ] = [],  # noqa: B006
    splits: Annotated[
        list[str],
        typer.Option("--split", metavar="N", help="Fold or, without folds, seed of the splits; likewise."),
    ] = [],  # noqa: B006
    verbose: VerboseOption = False,
) -> None:
    """Run the pipeline under several settings, and put what comes out into one table and one plot.

    Nothing is pushed. What the variants share comes from the cache, a variant that fails does not stop the
    others, and the same command again goes on where the last one ended.
    """
    from pipeline.experiment.command import run_experiment  # noqa: PLC0415
    from pipeline.experiment.plan import read_plan  # noqa: PLC0415
    from pipeline.run_command import Inputs  # noqa: PLC0415

    plan = read_plan(experiment, overrides, seeds, splits)
    run_experiment(Inputs(images, labels, scenes), plan, Root(root), _console(), verbose=verbose)


@app.command("compile")
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

    compile_to_file(load_settings(profile, overrides), output, _console())


@app.command("submit")
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
        resume(target, run_id, wait_poll_s, _console())
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
        console=_console(),
    )


@app.command("scenes")
def scenes_command(
    *,
    images: Annotated[str, typer.Option("--images", help="Folder of the images.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Scene table to write: ImageId,SceneId.")
    ] = None,
    scenes: Annotated[
        str, typer.Option("--scenes", help="Scene table to compare with: who leaks across its scenes?")
    ] = "",
) -> None:
    """Find which images show the same ground: copies, and tiles that overlap.

    `ships run` does the same by itself; this is for looking at a data set, or for a table of your own.
    """
    from pipeline.scenes_command import find_scenes  # noqa: PLC0415

    find_scenes(images, output, scenes, _console())


@app.command("screen")
def screen_command(
    *,
    images: Annotated[str, typer.Option("--images", help="Folder of the images.")],
    manifest: Annotated[
        str, typer.Option("--manifest", help="CSV with file,what_is_wrong: shown beside what is found.")
    ] = "",
    scenes: Annotated[
        str,
        typer.Option("--scenes", help="CSV with ImageId,SceneId: the report counts by its further columns."),
    ] = "",
    schema_file: Annotated[
        str,
        typer.Option("--schema-file", help="Schema of an ordinary image; else schemas/ship_images.pbtxt."),
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the flagged images as CSV, or the report as Markdown."),
    ] = None,
    report: Annotated[
        bool,
        typer.Option("--report", help="Break some images in all known ways and count what is found, too."),
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Images that the report breaks.")] = 40,
    verbose: VerboseOption = False,
) -> None:
    """Judge the images of a folder by the schema of an ordinary one; needs no labels and starts no run."""
    from pipeline.screen_command import screen  # noqa: PLC0415

    screen(
        images,
        manifest=manifest,
        scenes=scenes,
        schema_file=schema_file,
        output=output,
        report=report,
        limit=limit,
        console=_console(),
        verbose=verbose,
    )


_ADDRESS = Address()
_LIMITS = Limits()


@app.command("serve")
def serve_command(
    *,
    models: Annotated[
        Path,
        typer.Option("--models", help="Folder of pushed models, <root>/models; watched for new versions."),
    ],
    name: Annotated[str, typer.Option("--name", help="Which of them.")] = MODEL_NAME,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 is every one of this machine.")
    ] = _ADDRESS.host,
    rest_port: Annotated[
        int, typer.Option("--rest-port", min=0, max=65535, help="REST and page.")
    ] = _ADDRESS.rest_port,
    grpc_port: Annotated[
        int, typer.Option("--grpc-port", min=0, max=65535, help="gRPC.")
    ] = _ADDRESS.grpc_port,
    poll_s: Annotated[
        float, typer.Option("--poll-s", min=0.1, help="Seconds between looks for versions.")
    ] = 2,
    body_mb: Annotated[int, typer.Option("--max-body-mb", min=1, help="MiB a request.")] = _LIMITS.body_mb,
    image_pixels: Annotated[
        int, typer.Option("--max-image-pixels", min=1, help="Height x width of an image.")
    ] = _LIMITS.image_pixels,
    images: Annotated[int, typer.Option("--max-images", min=1, help="Images a request.")] = _LIMITS.images,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, help="Requests under way; more are told to come again.")
    ] = _LIMITS.concurrency,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Model calls at once.")] = _LIMITS.threads,
    timeout_s: Annotated[
        float, typer.Option("--timeout-s", min=0.1, help="Seconds a request may take.")
    ] = _LIMITS.timeout_s,
) -> None:
    """Serve the newest pushed model by TF Serving's REST and gRPC, with a page to try it.

    New versions take over when they are complete and warm; broken ones are named in the log and never served.
    """
    from pipeline.serving.command import serve  # noqa: PLC0415

    limits = Limits(body_mb, image_pixels, images, concurrency, threads, timeout_s)
    serve(models, name, Address(host, rest_port, grpc_port), limits, poll_s)


@app.command("predict")
def predict_command(
    *,
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="[IMAGES]...", help="Files, folders, patterns such as 'tiles/**/*.jpg'."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; what it holds is told by --format.")
    ],
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="airbus: CSV with ImageId,EncodedPixels; geojson: outlines, in WGS84 where the place is "
            "known; coco: run lengths; coco-polygons: outlines without holes.",
        ),
    ] = Format.AIRBUS,
    list_file: Annotated[
        Path | None, typer.Option("--list", help="Text file that names further images, one a line.")
    ] = None,
    models: Annotated[
        Path | None, typer.Option("--models", help="Folder of pushed models, <root>/models.")
    ] = None,
    server: Annotated[
        str, typer.Option("--server", help="Ask a server instead, by REST: http://localhost:8501.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="Which model.")] = MODEL_NAME,
    min_pixels: Annotated[int, typer.Option("--min-pixels", min=1, help="Leave smaller ships out.")] = 1,
    beam: Annotated[
        str | None,
        typer.Option(
            "--beam",
            help="For very many images: options of a Beam runner whose workers see all files, such as "
            "'--runner=FlinkRunner --parallelism=8'.",
        ),
    ] = None,
    verbose: VerboseOption = False,
) -> None:
    """Find ships on images of any size by a pushed model: as the challenge's table, GeoJSON or COCO.

    GeoTIFFs keep their coordinates and large scenes are read by windows; both need rasterio (extra `geo`).
    Files that cannot be read are listed beside the output and skipped. The same command again goes on where
    the last one was interrupted.
    """
    from pipeline.prediction.command import predict  # noqa: PLC0415

    predict(
        images or [],
        list_file=list_file,
        models=models,
        server=server,
        name=name,
        output=output,
        form=form,
        min_pixels=min_pixels,
        beam=beam,
        console=_console(),
        verbose=verbose,
    )


@app.command("runs")
def runs_command(root: RootOption) -> None:
    """List the runs under a root: state, dice, verdict, approval, pushed version; newest first."""
    from components.approval_gate.approvals import read_approvals  # noqa: PLC0415
    from pipeline.runs import list_runs  # noqa: PLC0415
    from pipeline.tables import runs_table  # noqa: PLC0415

    console = Console()
    runs = list_runs(Root(root))
    if not runs:
        raise InputError(f"--root {root}: there is no run; `ships run --root {root} ...` makes one")
    try:
        records = read_approvals(Root(root).approvals)
    except InputError as error:
        console.print(runs_table(runs, None, console.width))
        raise error from None
    console.print(runs_table(runs, records, console.width))


RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Id of a run, as `ships runs` shows it, or `latest`; for a run on Kubeflow its gate's "
        "decision.json, saved as RUN.json.",
    ),
]
NoteOption = Annotated[str, typer.Option("--note", help="Why; kept with the decision.")]


@app.command("review")
def review_command(
    root: RootOption,
    run_id: Annotated[
        str, typer.Argument(metavar="[RUN]", help="Id of a run, as `ships runs` shows it; else the latest.")
    ] = "latest",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Copy the page to this file, to send it to someone.")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Say where the review page of a run is: rules, slices, curves, worst images, beside the pushed model.

    A run from before there were review pages gets one now.
    """
    from pipeline.review_command import show_review  # noqa: PLC0415

    show_review(Root(root), run_id, output, open_page, _console())


@app.command("approve")
def approve_command(
    run_id: RunArgument,
    root: RootOption,
    note: NoteOption = "",
    override: Annotated[
        bool, typer.Option("--override", help="Approve although the rules are not kept; needs a note.")
    ] = False,
) -> None:
    """Let the model of a run be pushed; then give the command of the run again."""
    from pipeline.approval_command import approve  # noqa: PLC0415

    approve(Root(root), run_id, note, override, _console())


@app.command("reject")
def reject_command(run_id: RunArgument, root: RootOption, note: NoteOption) -> None:
    """Never push the model of a run, unless it is approved later."""
    from pipeline.approval_command import reject  # noqa: PLC0415

    reject(Root(root), run_id, note, _console())


@app.command("approvals")
def approvals_command(root: RootOption) -> None:
    """List what was approved, rejected and rolled back: who, when, which model, why."""
    from pipeline.approval_command import list_approvals  # noqa: PLC0415

    list_approvals(Root(root), Console())


@app.command("rollback")
def rollback_command(
    root: RootOption,
    note: NoteOption,
    to: Annotated[
        int | None, typer.Option("--to", help="Version to go back to; else the one before the newest.")
    ] = None,
) -> None:
    """Make an earlier version of the pushed model the newest again."""
    from pipeline.rollback_command import roll_back  # noqa: PLC0415

    roll_back(Root(root), to, note, _console())


quarantine_app = typer.Typer(
    help="Look at the images that were set aside, and overrule it.", no_args_is_help=True
)
app.add_typer(quarantine_app, name="quarantine")
ImageIdsArgument = Annotated[
    list[str], typer.Argument(metavar="IMAGE_ID...", help="File names of the images, as `list` shows them.")
]


@quarantine_app.command("list")
def quarantine_list_command(
    root: RootOption,
    about: Annotated[
        str, typer.Option("--about", help="Only images with this text in name, outcome or reasons.")
    ] = "",
) -> None:
    """List the images that the newest run flagged, each with its reasons."""
    from pipeline.quarantine_command import list_flagged  # noqa: PLC0415

    list_flagged(Root(root), about, Console())


@quarantine_app.command("restore")
def quarantine_restore_command(image_ids: ImageIdsArgument, root: RootOption, note: NoteOption = "") -> None:
    """Use these images in the next run, whatever the schema says against them."""
    from pipeline.quarantine_command import decide  # noqa: PLC0415

    decide(Root(root), image_ids, "restore", note, _console())


@quarantine_app.command("drop")
def quarantine_drop_command(image_ids: ImageIdsArgument, root: RootOption, note: NoteOption = "") -> None:
    """Leave these images out of the next run, even if nothing speaks against them."""
    from pipeline.quarantine_command import decide  # noqa: PLC0415

    decide(Root(root), image_ids, "drop", note, _console())


@app.command("settings")
def settings_command(profile: ProfileOption = "default", overrides: SetOption = []) -> None:  # noqa: B006
    """Print all settings of a profile with their meaning: a YAML file that can serve as your own profile."""
    text = settings_as_yaml(load_settings(profile, overrides))
    print(
        f"# Profile {profile}; there are also: {', '.join(set(profile_names()) - {profile})}\n\n{text}",
        end="",
    )


def _console() -> Console:
    return Console(stderr=True)


def main() -> None:
    """Entry point: errors that a user can act on are printed without a traceback.

    Exit codes: 0 done, 1 a stage failed, 2 the command line, the settings or the input cannot be used.
    """
    try:
        app()
    except ShipsError as error:
        _console().print(f"[red]ships:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(_EXIT_BAD_INPUT if isinstance(error, InputError | SettingsError) else _EXIT_FAILED)


if __name__ == "__main__":
    main()
