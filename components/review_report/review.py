"""Gathers all that a review page shows, from the artifacts of one run."""

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.utils import path_utils

from components.baseline.model_store import ASSETS_EXTRA, SETTINGS_FILE, holds_model
from components.data_gate.artifact import PAGE_FILE as DATA_PAGE_FILE
from components.data_gate.judgement import JUDGEMENT_FILE, Judgement
from components.data_gate.judgement import from_json as from_judgement_json
from components.evaluation.digests import subject_of
from components.evaluation.names import SHIP_SIZE
from components.evaluation.results import read_evaluation
from components.evaluation.slices import Evaluation
from components.evaluation.subject import Subject
from components.evaluation.verdict import VERDICT_FILE, Verdict
from components.evaluation.verdict import from_json as from_verdict_json
from components.examples import HAS_SHIP, SHIP_GROUP
from components.files import read_bytes
from components.progress import Meter
from components.review_report.curves import Curves, curves
from components.review_report.gallery import Gallery, gallery
from components.review_report.judging import Judged, Model
from components.review_report.sample import Sample, draw
from components.review_report.settings import ReviewSettings
from components.ship_detector.export import THRESHOLDS_FILE
from components.training.candidate import HISTORY_FILE

STAGE = "ReviewReport"


@dataclass(frozen=True)
class Sources:
    """Folders of the artifacts; "" for one that the run does not have."""

    examples: str
    model: str
    evaluation: str
    baseline_model: str = ""
    data_report: str = ""
    segmenter: str = ""
    classifier: str = ""


@dataclass(frozen=True)
class ModelReview:
    """Curves of a model and the threshold of its masks, None of one that does not tell."""

    curves: Curves
    mask_threshold: float | None


@dataclass(frozen=True)
class Setting:
    """A setting by its dotted name; None where a model has no such setting."""

    name: str
    baseline: object
    candidate: object


@dataclass(frozen=True)
class Review:
    """All that the page shows.

    Attributes:
        verdict: of the rules.
        evaluation: TFMA's metrics of all test images.
        subject: digests of model and evaluation, which an approval is about.
        sample: the images that were looked at one by one.
        candidate: its curves.
        baseline: those of the pushed model, None without one.
        gallery: pictures.
        data: judgement of the data set, None where there is none.
        data_page: path of the page about the data set, "" where there is none.
        settings: those that differ between pushed model and candidate; None where they cannot be compared.
        networks: what each trainer left beside its network, by its name (`history.json`).
        thresholds: what was chosen on the eval split and from what (`thresholds.json`), None where not known.
    """

    verdict: Verdict
    evaluation: Evaluation
    subject: Subject
    sample: Sample
    candidate: ModelReview
    baseline: ModelReview | None
    gallery: Gallery
    data: Judgement | None
    data_page: str
    settings: list[Setting] | None
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    thresholds: Mapping[str, Any] | None = None


def review(sources: Sources, splits: Sequence[str], settings: ReviewSettings) -> Review:
    """Read the artifacts and let the models predict the drawn images.

    Args:
        sources: of one run.
        splits: the test splits.
        settings: how many images.

    Raises:
        OSError: an artifact lacks a file.
    """
    evaluation = read_evaluation(sources.evaluation)
    given = {HAS_SHIP, SHIP_GROUP, SHIP_SIZE}
    columns = {name for part in evaluation.candidate for name in part.features} - given
    sample = draw(sources.examples, splits, columns, settings.images)
    has_baseline = bool(sources.baseline_model) and holds_model(sources.baseline_model)
    with Meter(STAGE, len(sample.images) * (2 if has_baseline else 1), "images") as meter:
        candidate, answers = _look(sources.model, sample, meter)
        baseline, pushed_answers = (
            _look(sources.baseline_model, sample, meter) if has_baseline else (None, [])
        )
    networks = {
        name: json.loads(read_bytes(posixpath.join(path_utils.serving_model_dir(uri), HISTORY_FILE)))
        for name, uri in (("Segmenter", sources.segmenter), ("Classifier", sources.classifier))
        if uri
    }
    return Review(
        verdict=from_verdict_json(read_bytes(posixpath.join(sources.evaluation, VERDICT_FILE))),
        evaluation=evaluation,
        subject=subject_of(sources.model, sources.evaluation),
        sample=sample,
        candidate=candidate,
        baseline=baseline,
        gallery=gallery(
            sample.images,
            answers,
            pushed_answers,
            evaluation.candidate,
            each=settings.pictures,
            disagreements=settings.disagreements,
        ),
        data=from_judgement_json(read_bytes(posixpath.join(sources.data_report, JUDGEMENT_FILE)))
        if sources.data_report
        else None,
        data_page=posixpath.join(sources.data_report, DATA_PAGE_FILE) if sources.data_report else "",
        settings=_differing(_settings(sources.baseline_model), _settings(sources.model))
        if has_baseline
        else None,
        networks=networks,
        thresholds=json.loads(read_bytes(posixpath.join(sources.model, THRESHOLDS_FILE))),
    )


def _look(model_uri: str, sample: Sample, meter: Meter) -> tuple[ModelReview, list[Judged]]:
    model = Model.load(model_uri)
    answers = []
    for answer in model.judge(sample.images):
        answers.append(answer)
        meter.advance()
    weights = np.array([image.weight for image in sample.images], np.float64)
    return ModelReview(curves(answers, weights), model.mask_threshold), answers


def _settings(model_uri: str) -> dict[str, object] | None:
    """Settings that a model keeps, by dotted name; None of one from before they were kept."""
    file = posixpath.join(path_utils.serving_model_dir(model_uri), ASSETS_EXTRA, SETTINGS_FILE)
    return _flat(json.loads(read_bytes(file))) if tf.io.gfile.exists(file) else None


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _differing(
    baseline: dict[str, object] | None, candidate: dict[str, object] | None
) -> list[Setting] | None:
    if not baseline or not candidate:
        return None
    return [
        Setting(name, baseline.get(name), candidate.get(name))
        for name in sorted(baseline.keys() | candidate.keys())
        if baseline.get(name) != candidate.get(name)
    ]
