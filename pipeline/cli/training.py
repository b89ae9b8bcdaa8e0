"""Commands that run the pipeline on this machine."""

from typing import Annotated

import typer

from components.errors import InputError
from pipeline.cli.options import (
    ImagesOption,
    LabelsOption,
    ProfileOption,
    RootOption,
    ScenesOption,
    SetOption,
    VerboseOption,
    console,
)
from pipeline.console import standard_output
from pipeline.root import Root
from pipeline.settings import load_settings, profile_names, settings_as_yaml


def demo_command(
    root: RootOption,
    scenes: Annotated[int, typer.Option("--scenes", min=6, help="Number of generated scenes.")] = 30,
    profile: ProfileOption = "demo",
    overrides: SetOption = [],  # noqa: B006
    verbose: VerboseOption = False,
) -> None:
    """Generate a small data set, broken files included, and run the whole pipeline on it."""
    from pipeline.demo.command import run_demo  # noqa: PLC0415

    run_demo(scenes, load_settings(profile, overrides), Root(root), console(), verbose)


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
    run(Inputs(images, labels, scenes), settings, Root(root), console(), verbose=verbose)


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
    run_experiment(Inputs(images, labels, scenes), plan, Root(root), console(), verbose=verbose)


def runs_command(root: RootOption) -> None:
    """List the runs under a root: state, dice, verdict, approval, pushed version; newest first."""
    from components.approval_gate.approvals import read_approvals  # noqa: PLC0415
    from pipeline.runs import list_runs  # noqa: PLC0415
    from pipeline.tables import runs_table  # noqa: PLC0415

    table_console = standard_output()
    runs = list_runs(Root(root))
    if not runs:
        raise InputError(f"--root {root}: there is no run; `ships run --root {root} ...` makes one")
    try:
        records = read_approvals(Root(root).approvals)
    except InputError as error:
        table_console.print(runs_table(runs, None, table_console.width))
        raise error from None
    table_console.print(runs_table(runs, records, table_console.width))


def settings_command(profile: ProfileOption = "default", overrides: SetOption = []) -> None:  # noqa: B006
    """Print all settings of a profile with their meaning: a YAML file that can serve as your own profile."""
    text = settings_as_yaml(load_settings(profile, overrides))
    others = ", ".join(name for name in profile_names() if name != profile)
    print(f"# Profile {profile}; there are also: {others}\n\n{text}", end="")
