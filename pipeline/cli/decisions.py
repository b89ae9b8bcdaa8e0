"""Commands by which a person decides about a model."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import NoteOption, RootOption, RunArgument, console
from pipeline.console import standard_output
from pipeline.root import Root


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

    show_review(Root(root), run_id, output, open_page, console())


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

    approve(Root(root), run_id, note, override, console())


def reject_command(run_id: RunArgument, root: RootOption, note: NoteOption) -> None:
    """Never push the model of a run, unless it is approved later."""
    from pipeline.approval_command import reject  # noqa: PLC0415

    reject(Root(root), run_id, note, console())


def approvals_command(root: RootOption) -> None:
    """List what was approved, rejected and rolled back: who, when, which model, why."""
    from pipeline.approval_command import list_approvals  # noqa: PLC0415

    list_approvals(Root(root), standard_output())


def rollback_command(
    root: RootOption,
    note: NoteOption,
    to: Annotated[
        int | None, typer.Option("--to", help="Version to go back to; else the one before the newest.")
    ] = None,
) -> None:
    """Make an earlier version of the pushed model the newest again."""
    from pipeline.rollback_command import roll_back  # noqa: PLC0415

    roll_back(Root(root), to, note, console())
