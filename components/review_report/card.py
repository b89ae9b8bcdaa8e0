"""The model card of a judged model (Mitchell et al. 2019, arXiv:1810.03993), as Markdown."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from components.evaluation.names import AUC as ROC_AUC
from components.evaluation.names import CASCADE, CLASSIFIER, DICE
from components.evaluation.slices import Evaluation, Figure, Slice
from components.examples import HAS_SHIP
from components.pages.markdown import markdown_table
from components.pages.numbers import number
from components.review_report.marks import EMPTY
from components.review_report.page import Origin
from components.review_report.review import Review
from components.review_report.settings import PAGE_FILE

# A slice with fewer images says little about where a model is weak.
_LEAST_IMAGES = 5
_WEAKEST = 5


def model_card(review: Review, origin: Origin) -> str:
    """What the model is, what it was made from, how good it is and where it is weak.

    Args:
        review: of the model.
        origin: of the review.
    """
    parts = [
        "# Model card: ship detector",
        f"Run {origin.run}, model digest `{review.subject.model}`. Curves, pictures and all metrics: "
        f"[{PAGE_FILE}]({PAGE_FILE}) beside this file.",
        EMPTY,
        "## What it does",
        "Takes an encoded RGB satellite image of any size and answers with the probability that it shows "
        "ships and a mask of their pixels. Made for optical images of the kind that it was trained on; it "
        "knows neither radar nor other ground resolutions, and does not tell kinds of ships apart.",
        "## Networks",
        *_networks(review.networks),
        "## Data",
        *_bullets([*(f"{name}: `{digest}`" for name, digest in origin.digests), *_data(review)]),
        "## Decisions",
        *_decisions(review.thresholds),
        "## Quality on the test splits",
        f"Verdict of the rules: **{review.verdict.state}**. Dice is the mean over images, 1 where neither "
        "label nor prediction has a ship; in brackets 95 % intervals over images.",
        _quality(review.evaluation),
        "## Known weaknesses",
        *_weaknesses(review.evaluation),
    ]
    return "\n\n".join(parts) + "\n"


def _networks(networks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    told = []
    for name, history in networks.items():
        settings = history.get("settings", {})
        facts = [f"{history.get('parameters', 0):,} parameters"]
        facts += [f"{key} `{settings[key]}`" for key in ("architecture", "loss", "seed") if key in settings]
        if best := next((epoch for epoch in history.get("epochs", []) if epoch.get("best")), None):
            facts.append(f"eval score {number(best['eval_score'])} after {best['step']} steps")
        weights = history.get("weights") or {}
        start = ", ".join(f"{key} {value}" for key, value in weights.items()) or "random weights"
        told += [f"**{name}**: {', '.join(facts)}. Starts from: {start}."]
    return told or ["Not known."]


def _data(review: Review) -> Iterable[str]:
    yield f"{review.sample.total:,} test images; all metrics are about these"
    if review.data:
        for rule in review.data.rules:
            yield f"{rule.name}: {rule.measured} (asked: {rule.bound}), {'kept' if rule.passed else 'broken'}"
    if review.data_page:
        yield f"the data set on a page: `{review.data_page}`"


def _decisions(tuning: Mapping[str, Any] | None) -> list[str]:
    if not tuning:
        return ["Not known."]
    chosen = json.dumps(tuning.get("thresholds", {})).strip("{}").replace('"', "`")
    images = f"{tuning.get('images', 0)} eval images ({tuning.get('ships', 0)} with ships)"
    if not tuning.get("images"):
        return [f"Not tuned: {chosen}."]
    lines = [f"Chosen on {images} for the {tuning.get('objective', 'best score')}: {chosen}."]
    if {"mask_thresholds", "min_ship_pixels", "dice_by_area"} <= tuning.keys():
        areas = list(tuning["min_ship_pixels"])
        row = tuning["dice_by_area"][areas.index(tuning["thresholds"]["min_ship_pixels"])]
        pairs = list(zip(tuning["mask_thresholds"], row, strict=True))[::4]
        lines.append(
            _table(["mask threshold", "mean dice on eval"], [[f"{a:g}", f"{b:.3f}"] for a, b in pairs])
        )
    return lines


def _quality(evaluation: Evaluation) -> str:
    rows = [
        [part.label, f"{part.images:,}", _text(part, CASCADE, DICE), _text(part, CLASSIFIER, ROC_AUC)]
        for part in evaluation.candidate[:40]
    ]
    return _table(["slice", "images", "dice", "ROC AUC of the classifier"], rows)


def _weaknesses(evaluation: Evaluation) -> list[str]:
    judged = [
        (part.figures[CASCADE, DICE].value, part)
        for part in evaluation.candidate
        if part.features and part.images >= _LEAST_IMAGES and (CASCADE, DICE) in part.figures
    ]
    if not judged:
        return [f"No slice has {_LEAST_IMAGES} test images: nothing can be said."]
    weakest = sorted(judged, key=lambda pair: pair[0])[:_WEAKEST]
    lines = [f"{part.label}: dice {value:.3f} on {part.images:,} images" for value, part in weakest]
    empty = next((value for value, part in judged if part.features == {HAS_SHIP: "0"}), None)
    if empty is not None:
        lines.append(f"in {1 - empty:.1%} of the images without ships it sees some")
    return ["Slices with the lowest dice:", *_bullets(lines)]


def _text(part: Slice, head: str, metric: str) -> str:
    figure: Figure | None = part.figures.get((head, metric))
    if figure is None:
        return ""
    if figure.lower is None or figure.upper is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.lower:.3f} to {figure.upper:.3f})"


def _bullets(lines: Iterable[str]) -> list[str]:
    return ["\n".join(f"- {_plain(line)}" for line in lines)]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return markdown_table(header, [list(map(_plain, row)) for row in rows], [False] * len(header))


def _plain(text: str) -> str:
    """Without markup and line ends that came in with names of the data."""
    return " ".join(text.replace("<", "&lt;").split())
