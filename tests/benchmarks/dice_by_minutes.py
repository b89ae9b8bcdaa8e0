"""What a CPU-minute of training buys: `python -m benchmarks.dice_by_minutes`, a quarter of an hour.

The plain U-Net, the plain one with batch normalisation and the pretrained one train one after the other for
the same minutes on the same records, each in a process of its own, by the Segmenter's own `run_fn`. Eval dice
(mean over eval images with ships, at the best of a few thresholds) is that of `history.json`; the time that
judging takes counts, as it does in a run.

    python -m benchmarks.dice_by_minutes --minutes 10 --seeds 0 1 2
    python -m benchmarks.dice_by_minutes --images train_v2 --labels train_ship_segmentations_v2.csv \
        --scenes scenes.csv
"""

import argparse
import json
import logging
import multiprocessing
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.line_plot import write_line_plot
from benchmarks.prepared import Prepared, add_arguments, prepare
from benchmarks.report import Row, save, show
from components.pages.markdown import markdown_table
from components.training.settings import SegmenterSettings

_VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {"architecture": "plain"},
    "plain, batch norm": {"architecture": "plain", "batch_norm": True},
    "pretrained": {"architecture": "pretrained"},
}
# More than any CPU makes: the course, with its rate and its frozen phase, shrinks to what fits into the time.
_STEPS_A_MINUTE = 4000
# Of the steps, as in the profile real-cpu.
_FROZEN_SHARE = 0.32
_SHARES = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Training:
    """What one training came to.

    Attributes:
        variant: key of the variants.
        seed: of weights and crops.
        parameters: number of weights.
        epochs: of history.json, each with `cpu_minutes` of its process since the network was built.
    """

    variant: str
    seed: int
    parameters: int
    epochs: list[dict[str, Any]]

    def best_by(self, minutes: float) -> float:
        """The best eval dice until then; 0 before the first look."""
        return max((epoch["eval_score"] for epoch in self.epochs if epoch["minutes"] <= minutes), default=0.0)

    def cpu_minutes_to(self, dice: float) -> float | None:
        """CPU minutes until eval dice first was as high."""
        reached = [epoch["cpu_minutes"] for epoch in self.epochs if epoch["eval_score"] >= dice]
        return min(reached, default=None)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Eval dice by minutes of training, plain beside pretrained.")
    add_arguments(parser)
    parser.add_argument("--minutes", type=float, default=5.0, help="for each training; default 5")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="each trains all; default 0")
    parser.add_argument("--cores", type=int, help="use so many cores; default: all")
    parser.add_argument("--steps-per-epoch", type=int, default=60, help="between looks; default 60")
    parser.add_argument("--eval-images", type=int, default=24, help="at each look; default 24")
    parser.add_argument("--reach", type=float, default=0.5, help="tell when this dice is met; default 0.5")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/bench"), help="for table, plot and figures"
    )
    arguments = parser.parse_args()
    if arguments.cores:
        # Inherited by the processes that train.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    trainings = []
    with tempfile.TemporaryDirectory(prefix="ships-bench-") as folder:
        records = prepare(arguments, Path(folder))
        for seed in arguments.seeds:
            for variant in _VARIANTS:
                settings = settings_of(variant, seed, arguments)
                training = train_apart(variant, settings, records, Path(folder) / f"{variant} {seed}")
                trainings.append(training)
                write(arguments, trainings)


def settings_of(variant: str, seed: int, arguments: argparse.Namespace) -> SegmenterSettings:
    """Settings of a training that lasts as long as was asked for, and no longer."""
    steps = max(round(_STEPS_A_MINUTE * arguments.minutes), 1)
    return SegmenterSettings(
        steps=steps,
        frozen_steps=round(_FROZEN_SHARE * steps),
        steps_per_epoch=arguments.steps_per_epoch,
        patience=steps,
        max_minutes=arguments.minutes,
        eval_images=arguments.eval_images,
        seed=seed,
        **_VARIANTS[variant],
    )


def train_apart(variant: str, settings: SegmenterSettings, records: Prepared, folder: Path) -> Training:
    """Train in a process of its own.

    Raises:
        SystemExit: the process failed, and has told standard error why.
    """
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_train, args=(settings, records, folder))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"the training of {variant} ended with code {process.exitcode}")
    history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    cpu_minutes = json.loads((folder / "cpu_minutes.json").read_text(encoding="utf-8"))
    epochs = [
        {**epoch, "cpu_minutes": spent} for epoch, spent in zip(history["epochs"], cpu_minutes, strict=True)
    ]
    return Training(variant, settings.seed, history["parameters"], epochs)


def write(arguments: argparse.Namespace, trainings: list[Training]) -> None:
    """Show the table of the trainings so far, and write it and the plot."""
    rows: list[Row] = []
    for training in trainings:
        last = training.epochs[-1]
        reached = training.cpu_minutes_to(arguments.reach)
        rows.append(
            {
                "variant": training.variant,
                "seed": training.seed,
                "weights": training.parameters,
                "steps": last["step"],
                "minutes": last["minutes"],
                "CPU minutes": last["cpu_minutes"],
                **{
                    f"dice by {share * arguments.minutes:g} min": training.best_by(
                        # The last epoch may end a little late.
                        last["minutes"] if share == 1 else share * arguments.minutes
                    )
                    for share in _SHARES
                },
                f"CPU minutes to {arguments.reach:g}": "never" if reached is None else reached,
            }
        )
    show("Best eval dice by minutes of training", rows)
    save(
        arguments.folder / "dice_by_minutes.json",
        {"trainings": rows, "epochs": [training.epochs for training in trainings]},
    )
    cells = [
        [f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows
    ]
    table = markdown_table(list(rows[0]), cells, [name != "variant" for name in rows[0]])
    (arguments.folder / "dice_by_minutes.md").write_text(table + "\n", encoding="utf-8")
    lines = {
        variant: [
            [(epoch["cpu_minutes"], epoch["eval_score"]) for epoch in training.epochs]
            for training in trainings
            if training.variant == variant
        ]
        for variant in _VARIANTS
    }
    write_line_plot(arguments.folder / "dice_by_minutes.png", "CPU minutes; upwards: eval dice", lines)


class _Clock(logging.Handler):
    """CPU seconds of this process whenever the trainer logs: before it builds its network, and each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.spent_s: list[float] = []

    def emit(self, _: logging.LogRecord) -> None:
        self.spent_s.append(time.process_time())


def _train(settings: SegmenterSettings, records: Prepared, folder: Path) -> None:
    """Leave history.json and cpu_minutes.json in the folder."""
    # Read when TensorFlow loads; the second is what `ships run` sets.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    from tfx.components.trainer.fn_args_utils import FnArgs

    from components.training import segmenter
    from components.training.fitting import LOGGER

    clock = _Clock()
    LOGGER.addHandler(clock)
    LOGGER.setLevel(logging.INFO)
    segmenter.run_fn(
        FnArgs(
            train_files=records.train,
            eval_files=records.eval,
            serving_model_dir=str(folder),
            model_run_dir=str(folder / "run"),
            custom_config={"settings": settings.model_dump(mode="json")},
        )
    )
    started, *epochs = clock.spent_s
    minutes = [round((at - started) / 60, 3) for at in epochs]
    (folder / "cpu_minutes.json").write_text(json.dumps(minutes), encoding="utf-8")


if __name__ == "__main__":
    main()
