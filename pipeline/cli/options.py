"""Options that several commands have, and what they print on."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

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
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Id of a run, as `ships runs` shows it, or `latest`; for a run on Kubeflow its gate's "
        "decision.json, saved as RUN.json.",
    ),
]
NoteOption = Annotated[str, typer.Option("--note", help="Why; kept with the decision.")]


def console() -> Console:
    """Of progress and errors; results go to standard output."""
    return Console(stderr=True)
