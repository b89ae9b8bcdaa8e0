"""Commands for a look at a data set."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import (
    ImagesOption,
    LabelsOption,
    NoteOption,
    ProfileOption,
    RootOption,
    ScenesOption,
    SetOption,
    VerboseOption,
    console,
)
from pipeline.console import standard_output
from pipeline.root import Root
from pipeline.settings import load_settings


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
    run(Inputs(images, labels, scenes), settings, Root(root), console(), verbose=verbose, data_only=True)


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

    find_scenes(images, output, scenes, console())


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
        console=console(),
        verbose=verbose,
    )


quarantine_app = typer.Typer(
    help="Look at the images that were set aside, and overrule it.", no_args_is_help=True
)
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

    list_flagged(Root(root), about, standard_output())


@quarantine_app.command("restore")
def quarantine_restore_command(image_ids: ImageIdsArgument, root: RootOption, note: NoteOption = "") -> None:
    """Use these images in the next run, whatever the schema says against them."""
    from pipeline.quarantine_command import decide  # noqa: PLC0415

    decide(Root(root), image_ids, "restore", note, console())


@quarantine_app.command("drop")
def quarantine_drop_command(image_ids: ImageIdsArgument, root: RootOption, note: NoteOption = "") -> None:
    """Leave these images out of the next run, even if nothing speaks against them."""
    from pipeline.quarantine_command import decide  # noqa: PLC0415

    decide(Root(root), image_ids, "drop", note, console())
