"""A review as one HTML file that needs nothing else. Imports no TensorFlow of its own."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from components.code_digest import code_digest
from components.evaluation.names import (
    ACCURACY,
    CASCADE,
    CLASSIFIER,
    DICE,
    JUDGED_METRICS,
    SEGMENTER,
)
from components.evaluation.slices import Evaluation, Figure, Slice
from components.evaluation.verdict import Check, Verdict
from components.examples import HAS_SHIP
from components.pages.rendering import render_page
from components.review_report.curves import Curves, Points
from components.review_report.gallery import BEST, MEDIAN, WORST
from components.review_report.marks import EMPTY
from components.review_report.plots import HEIGHT_PX, WIDTH_PX, Plot, plot
from components.review_report.review import ModelReview, Review

TEMPLATES = Path(__file__).resolve().parent / "templates"
# More rows are no table to read but a file to compute with, and TFMA's own files are that. A row takes half a
# kilobyte.
_MOST_ROWS = 2000
_MOST_INTERVALS = 150


@dataclass(frozen=True)
class Origin:
    """Where a review comes from.

    Attributes:
        run: id of the run, as the commands take it.
        root: folder of the runs, "" where that is not known.
        artifacts: name, id and path or URI of each artifact.
        digests: name and digest of what tells code and data apart.
    """

    run: str
    root: str = ""
    artifacts: tuple[tuple[str, str, str], ...] = ()
    digests: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Row:
    """A row of the table: one metric of one slice."""

    slice: str
    head: str
    metric: str
    images: int
    figure: Figure
    pushed: float | None
    gain: Figure | None


@dataclass(frozen=True)
class _Confusion:
    """Test images by what the classifier says of them, for one model."""

    found: int
    missed: int
    false: int
    silent: int


# What made the model and judged it; the modules whose digest the stages carry.
_CODE = {
    "segmenter": ("components.training.segmenter",),
    "classifier": ("components.training.classifier",),
    "detector": ("components.ship_detector.executor",),
    "evaluation": ("components.evaluation.component", "components.evaluation.metrics"),
}


def code_digests() -> tuple[tuple[str, str], ...]:
    """Digests of the code as it is now, for `Origin.digests`; a cached stage ran the same."""
    return tuple((f"code digest, {name}", code_digest(*modules)) for name, modules in _CODE.items())


def render(review: Review, origin: Origin, made_at: datetime | None = None) -> str:
    """The page.

    Args:
        review: what is shown.
        origin: where it comes from.
        made_at: when; now if None.
    """
    rows, cut = _rows(review.evaluation)
    intervals = _intervals(review.evaluation)
    return render_page(
        TEMPLATES,
        made_at=made_at,
        filters={"signed": signed, "figure": figure_text, "scale": scale},
        review=review,
        origin=origin,
        verdict=_VERDICTS[review.verdict.state],
        decision=EMPTY,
        commands=_commands(review.verdict, origin),
        overall=next((part for part in review.evaluation.candidate if not part.features), Slice({})),
        with_ships=_part(review.evaluation.candidate, {HAS_SHIP: "1"}),
        intervals=intervals[:_MOST_INTERVALS],
        further=max(len(intervals) - _MOST_INTERVALS, 0),
        curves=[one for one in _curves(review) if one],
        confusions=_confusions(review.evaluation),
        rows=rows,
        cut=cut,
        heads=list(dict.fromkeys(row.head for row in rows)),
        metrics=list(dict.fromkeys(row.metric for row in rows)),
        kinds=(WORST, MEDIAN, BEST),
        trainings={name: _training(history["epochs"]) for name, history in review.networks.items()},
        label_of=lambda check: Slice(check.slice).label,
        difference_of=_difference,
        plot_px=(WIDTH_PX, HEIGHT_PX),
        dice_key=(CASCADE, DICE),
    )


_VERDICTS = {
    "passed": ("accepted", "✓", "The model keeps every rule."),
    "failed": ("stopped", "✕", "The model breaks a rule."),
    "undecided": ("warned", "!", "The rules cannot judge the model: a person must."),
}


def signed(value: float) -> str:
    """A difference with its sign and three digits."""
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def figure_text(figure: Figure | None) -> str:
    """The bounds of a value in words, "" without any."""
    if figure is None or figure.lower is None or figure.upper is None:
        return ""
    return f"{figure.lower:.3f} to {figure.upper:.3f}"


def scale(value: float) -> float:
    """Position of a share of 0-1 on a bar of 100 px; what lies beyond is cut off."""
    return round(100 * min(max(value, 0.0), 1.0), 2)


def _commands(verdict: Verdict, origin: Origin) -> list[tuple[str, str]]:
    """What a reviewer can do, and the command for it."""
    about = f"{origin.run} --root {shlex.quote(origin.root) if origin.root else 'DIR'}"
    override = " --override" if verdict.state == "failed" else ""
    approve = {
        "passed": "Let it be pushed (with approval.mode automatic, it is at once)",
        "undecided": "Let it be pushed: say why you trust it where the rules cannot tell",
        "failed": "Let it be pushed against the rules; it is marked so wherever it is listed",
    }[verdict.state]
    return [
        (approve, f'ships approve {about}{override} --note "why"'),
        ("Never push it", f'ships reject {about} --note "why"'),
    ]


def _difference(check: Check) -> str:
    """What the difference to the pushed model says, in words; "" where there is none."""
    gain = check.gain
    if gain is None:
        return ""
    told = f"{signed(gain.value)} to the pushed model"
    if gain.lower is None or gain.upper is None:
        return told
    told += f" (95 % interval {signed(gain.lower)} to {signed(gain.upper)})"
    if gain.lower <= 0 <= gain.upper:
        return f"{told}; chance alone may be the cause"
    return told


def _part(slices: Sequence[Slice], features: Mapping[str, str]) -> Slice | None:
    return next((part for part in slices if part.features == features), None)


def _beside_baseline(evaluation: Evaluation) -> list[tuple[Slice, Slice | None]]:
    """Each slice of the candidate with that of the pushed model, if it has it."""
    pushed = {frozenset(part.features.items()): part for part in evaluation.baseline}
    return [(part, pushed.get(frozenset(part.features.items()))) for part in evaluation.candidate]


def _intervals(evaluation: Evaluation) -> list[tuple[Slice, Figure, Figure | None]]:
    """Dice of the cascade by slice: candidate, and baseline if there is one."""
    rows = []
    for part, other in _beside_baseline(evaluation):
        if figure := part.figures.get((CASCADE, DICE)):
            rows.append((part, figure, other.figures.get((CASCADE, DICE)) if other else None))
    return rows


def _curves(review: Review) -> list[Plot | None]:
    models = [("candidate", "candidate", review.candidate)]
    if review.baseline:
        models.insert(0, ("baseline", "pushed model", review.baseline))

    def tuned(model: ModelReview, points: Points) -> tuple[float, float] | None:
        """The point of a curve over thresholds that is nearest to the one in force."""
        thresholds = [threshold for threshold, _ in model.curves.dice_by_threshold]
        if model.mask_threshold is None or not thresholds:
            return None
        in_force = model.mask_threshold
        nearest = min(range(len(thresholds)), key=lambda i: abs(thresholds[i] - in_force))
        # Above the highest probability there is no precision, so that its curve ends earlier.
        return points[nearest] if nearest < len(points) else None

    def marks(curve: Callable[[Curves], Points]) -> list[tuple[str, str, tuple[float, float] | None]]:
        return [
            (kind, f"{label} at its threshold", tuned(model, curve(model.curves)))
            for kind, label, model in models
        ]

    return [
        plot(
            "Precision and recall of ship pixels",
            "recall: ship pixels found",
            "precision: predicted pixels that are ship",
            [(kind, label, model.curves.precision_recall) for kind, label, model in models],
            marks=marks(lambda curves: curves.precision_recall),
            note="The closer to the upper right corner, the better. The dot is the tuned threshold.",
        ),
        plot(
            "Dice by mask threshold",
            "a pixel counts as ship from this probability on",
            "mean dice, images with ships",
            [(kind, label, model.curves.dice_by_threshold) for kind, label, model in models],
            marks=marks(lambda curves: curves.dice_by_threshold),
            note="Of the segmenter alone. A flat top means that the threshold hardly matters; a dot beside "
            "the top, that it was tuned on images unlike these.",
        ),
        plot(
            "Ship or no ship (ROC)",
            "false alarms: empty images taken for ships",
            "ship images found",
            [("chance", "chance", [(0.0, 0.0), (1.0, 1.0)])]
            + [(kind, label, model.curves.roc) for kind, label, model in models]
            if review.candidate.curves.roc
            else [],
            marks=[
                (kind, f"{label} at its threshold", model.curves.roc_point) for kind, label, model in models
            ],
            note="The closer to the upper left corner, the better. The dot is the tuned threshold.",
        ),
    ]


def _confusions(evaluation: Evaluation) -> list[tuple[str, _Confusion]]:
    """Of each model whose classifier tells its judgement."""
    found = []
    for name, slices in (("candidate", evaluation.candidate), ("pushed model", evaluation.baseline)):
        right = {}
        images = {}
        for kind in "01":
            part = _part(slices, {HAS_SHIP: kind})
            value = part.value(CLASSIFIER, ACCURACY) if part else 0.0
            images[kind] = part.images if part else 0
            right[kind] = None if value is None else round(value * images[kind])
        if slices and right["0"] is not None and right["1"] is not None:
            ships, empty = right["1"], right["0"]
            found.append((name, _Confusion(ships, images["1"] - ships, images["0"] - empty, empty)))
    return found


def _rows(evaluation: Evaluation) -> tuple[list[_Row], int]:
    """Every metric of every slice in reading order, and how many did not fit."""
    rows = []
    for part, other in _beside_baseline(evaluation):
        for head in (CASCADE, SEGMENTER, CLASSIFIER):
            for metric in JUDGED_METRICS[head]:
                figure = part.figures.get((head, metric))
                if figure is None:
                    continue
                pushed = other.value(head, metric) if other else None
                gain = part.gains.get((head, metric))
                rows.append(_Row(part.label, head, metric, part.images, figure, pushed, gain))
    return rows[:_MOST_ROWS], max(len(rows) - _MOST_ROWS, 0)


def _training(epochs: Sequence[Mapping[str, Any]]) -> list[Plot]:
    def points(name: str) -> Points:
        return [(float(one["step"]), float(one[name])) for one in epochs if name in one]

    best = next((one for one in epochs if one.get("best")), None)
    kept = (
        [("candidate", "the weights that were kept", (float(best["step"]), float(best["eval_score"])))]
        if best
        else []
    )
    plots = [
        plot(
            "Loss",
            "step",
            "loss",
            [("baseline", "training", points("loss")), ("candidate", "eval split", points("eval_loss"))],
            unit_scale=False,
        ),
        plot(
            "Score on the eval split",
            "step",
            "score",
            [("candidate", "eval split", points("eval_score"))],
            marks=kept,
            unit_scale=False,
        ),
    ]
    return [one for one in plots if one]
