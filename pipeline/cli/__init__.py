"""The `ships` command. Imports neither TensorFlow nor TFX, so that --help answers at once."""

import sys
from collections.abc import Callable

import typer
from rich.markup import escape

from components.errors import InputError, SettingsError, ShipsError
from pipeline.cli import cluster, data, decisions, models, training
from pipeline.cli.options import console

_EXIT_FAILED = 1
_EXIT_BAD_INPUT = 2

_DATA = "Look at the data"
# As --help lists them.
_COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Train and judge": {
        "demo": training.demo_command,
        "run": training.run_command,
        "experiment": training.experiment_command,
        "runs": training.runs_command,
        "settings": training.settings_command,
    },
    _DATA: {
        "stats": data.stats_command,
        "scenes": data.scenes_command,
        "screen": data.screen_command,
    },
    "Decide about a model": {
        "review": decisions.review_command,
        "approve": decisions.approve_command,
        "reject": decisions.reject_command,
        "approvals": decisions.approvals_command,
        "rollback": decisions.rollback_command,
    },
    "Find ships": {
        "predict": models.predict_command,
        "serve": models.serve_command,
    },
    "Kubeflow Pipelines": {
        "compile": cluster.compile_command,
        "submit": cluster.submit_command,
    },
}

app = typer.Typer(
    help="Find and segment ships on satellite images with a TFX pipeline.",
    epilog="Start with `ships demo`, which needs no data of your own.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for _panel, _commands in _COMMANDS.items():
    for _name, _command in _commands.items():
        app.command(_name, rich_help_panel=_panel)(_command)
app.add_typer(data.quarantine_app, name="quarantine", rich_help_panel=_DATA)


def main() -> None:
    """Entry point: errors that a user can act on are printed without a traceback.

    Exit codes: 0 done, 1 a stage failed, 2 the command line, the settings or the input cannot be used.
    """
    try:
        app()
    except ShipsError as error:
        console().print(f"[red]ships:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(_EXIT_BAD_INPUT if isinstance(error, InputError | SettingsError) else _EXIT_FAILED)
