"""Reviews of made-up models on made-up images, without TensorFlow's part: no model is run."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.data_gate.judgement import Judgement, Rule
from components.evaluation.image_numbers import dice
from components.evaluation.names import ACCURACY, AUC, CASCADE, CLASSIFIER, DICE, IMAGES, SEGMENTER
from components.evaluation.slices import Evaluation, Figure, Slice
from components.evaluation.subject import Subject
from components.evaluation.verdict import Check, Verdict
from components.examples import HAS_SHIP, IMAGE, SHIP_GROUP, ship_group
from components.masks.rle import encode
from components.review_report.curves import curves
from components.review_report.gallery import gallery
from components.review_report.judging import Judged
from components.review_report.review import ModelReview, Review, Setting
from components.review_report.sample import DrawnImage, Sample
from components.ship_detector.thresholds import CURVE_THRESHOLDS

EDGE_PX = 96
# A file name may hold anything but a slash.
HOSTILE_NAME = "<script>document.title='taken'<script> & \"quoted\".jpg"
Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class Answer:
    """What a made-up model draws, and how sure it is."""

    mask: Mask
    probability: float


def box(top: int, left: int, height: int, width: int) -> Mask:
    mask = np.zeros((EDGE_PX, EDGE_PX), np.uint8)
    mask[top : top + height, left : left + width] = 1
    return mask


def drawn(
    name: str, ships: Sequence[Mask], edge_px: int = EDGE_PX, weight: float = 1, **columns: str
) -> DrawnImage:
    noise = np.random.default_rng(len(name)).integers(0, 255, (edge_px, edge_px, 3), np.uint8)
    record = tf.train.Example()
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    record.features.feature[IMAGE].bytes_list.value.append(jpeg)
    features = {HAS_SHIP: str(int(bool(ships))), SHIP_GROUP: ship_group(len(ships)), **columns}
    rows = tuple(encode(ship) for ship in ships)
    return DrawnImage(name, features, rows, record.SerializeToString(), weight)


def judged(ships: Sequence[Mask], answer: Answer) -> Judged:
    truth = np.clip(sum(ships, np.zeros_like(answer.mask)), 0, 1)
    hit = int((truth & answer.mask).sum())
    false, missed = int(answer.mask.sum()) - hit, int(truth.sum()) - hit
    # As if every pixel of the mask had the probability 0.8.
    reached = np.float32(0.8) >= CURVE_THRESHOLDS
    return Judged(
        answer.probability,
        answer.probability >= 0.5,
        dice(hit, false, missed),
        false + missed,
        int(truth.sum()),
        encode(answer.mask),
        (int(truth.shape[0]), int(truth.shape[1])),
        (reached * answer.mask.sum()).astype(np.float32),
        (reached * hit).astype(np.float32),
    )


def part(features: dict[str, str], value: float, images: int, gain: float | None = None) -> Slice:
    figures = {
        (CLASSIFIER, IMAGES): Figure(images),
        (CLASSIFIER, ACCURACY): Figure(0.75, 0.6, 0.9),
        (CASCADE, DICE): Figure(value, value - 0.1, value + 0.1),
        (SEGMENTER, DICE): Figure(value / 2, value / 2 - 0.1, value / 2 + 0.1),
    }
    if not features:
        figures[CLASSIFIER, AUC] = Figure(0.9, 0.8, 0.95)
    gains = {} if gain is None else {(CASCADE, DICE): Figure(gain, gain - 0.05, gain + 0.05)}
    return Slice(features, figures, gains)


SHIP = box(10, 10, 20, 30)
SHIPS: dict[str, list[Mask]] = {
    "a.jpg": [SHIP],
    "b.jpg": [SHIP, box(60, 60, 10, 10)],
    "c.jpg": [box(40, 0, 8, 60)],
    "d.jpg": [SHIP],
    HOSTILE_NAME: [SHIP],
    "empty.jpg": [],
}
CANDIDATE = {
    "a.jpg": Answer(SHIP, 0.9),
    "b.jpg": Answer(SHIP, 0.8),
    "c.jpg": Answer(box(44, 0, 8, 60), 0.7),
    "d.jpg": Answer(box(0, 0, 1, 1), 0.4),
    HOSTILE_NAME: Answer(box(12, 10, 20, 30), 0.6),
    "empty.jpg": Answer(box(0, 0, 0, 0), 0.2),
}
PUSHED = CANDIDATE | {"a.jpg": Answer(box(0, 0, 0, 0), 0.3), "c.jpg": Answer(box(42, 0, 8, 60), 0.7)}


def whole_review() -> Review:
    """Everything that a page can show: six images, a pushed model, rules of each outcome."""
    images = [drawn(name, ships, Source="sea" if ships else "harbour") for name, ships in SHIPS.items()]
    parts = [
        part({}, 0.6, 6, 0.05),
        part({HAS_SHIP: "0"}, 1.0, 1),
        part({HAS_SHIP: "1"}, 0.55, 5, 0.06),
        part({SHIP_GROUP: "1-2"}, 0.5, 5),
        part({"Source": "sea"}, 0.45, 5),
        part({"Source": "harbour"}, 1.0, 1),
    ]
    pushed = [part(one.features, 0.5, one.images) for one in parts]
    checks = (
        Check(DICE, CASCADE, {HAS_SHIP: "1"}, "min", 0.4, "pass", False, "", 5, 0.55, 0.45, 0.65),
        Check(
            DICE, CASCADE, {HAS_SHIP: "1"}, "max_drop", 0.02, "fail", True, "", 5, 0.55, 0.45, 0.65, 0.5,
            Figure(0.05, -0.01, 0.11),
        ),
        Check(DICE, CASCADE, {SHIP_GROUP: "9-10"}, "min", 0.4, "cannot be judged", True, "no test image"),
    )  # fmt: skip
    answers, old = ([judged(SHIPS[name], model[name]) for name in SHIPS] for model in (CANDIDATE, PUSHED))
    weights = np.ones(len(images))
    epochs = [
        {
            "step": step,
            "loss": 1 / step,
            "eval_loss": 2 / step,
            "eval_score": step / 10,
            "best": int(step == 3),
        }
        for step in (1, 2, 3)
    ]
    return Review(
        verdict=Verdict(checks),
        evaluation=Evaluation(parts, pushed),
        subject=Subject("ab" * 32, "cd" * 32),
        sample=Sample(tuple(images), len(images)),
        candidate=ModelReview(curves(answers, weights), 0.5),
        baseline=ModelReview(curves(old, weights), None),
        gallery=gallery(images, answers, old, parts, each=2, disagreements=4),
        networks={"Segmenter": {"epochs": epochs}, "Classifier": {"epochs": epochs[:1]}},
        data=Judgement((Rule("quarantined images", "stop", "3 %", "at most 20 %", True, ("<b>x</b>",)),)),
        data_page="artifacts/DataReport/report/7/data_report.html",
        settings=[Setting("segmenter.loss", "bce", "focal_dice"), Setting("detector.tile_px", None, 512)],
    )


def bare_review() -> Review:
    """The least there can be: one image with ships, one slice, no rule, no pushed model, no data report."""
    image, answer = drawn("a.jpg", [SHIP]), judged([SHIP], CANDIDATE["a.jpg"])
    parts = [Slice({}, {(CLASSIFIER, IMAGES): Figure(1), (CASCADE, DICE): Figure(1.0)})]
    return Review(
        verdict=Verdict(),
        evaluation=Evaluation(parts, []),
        subject=Subject("ab", "cd"),
        sample=Sample((image,), 1),
        candidate=ModelReview(curves([answer], np.ones(1)), 0.5),
        baseline=None,
        gallery=gallery([image], [answer], [], parts, each=3, disagreements=3),
        data=None,
        data_page="",
        settings=None,
    )


def crowded_review() -> Review:
    """200,000 test images in 1,202 slices, of which 60 large and noisy ones were drawn."""
    edge_px = 384
    ship = np.kron(np.random.default_rng(0).integers(0, 2, (48, 48), np.uint8), np.ones((8, 8), np.uint8))
    images, answers = [], []
    for number in range(60):
        images.append(drawn(f"{number:04}.jpg", [ship], edge_px, 200_000 / 60, Harbour=f"port {number % 45}"))
        answers.append(judged([ship], Answer(np.roll(ship, number), 0.9)))
    parts = [part({}, 0.5, 200_000, 0.01), part({HAS_SHIP: "1"}, 0.5, 200_000, 0.01)]
    parts += [part({"Harbour": f"port {number}"}, 0.5, 1700, 0.01) for number in range(1200)]
    weights = np.array([image.weight for image in images])
    return Review(
        verdict=Verdict(),
        evaluation=Evaluation(parts, parts),
        subject=Subject("ab", "cd"),
        sample=Sample(tuple(images), 200_000),
        candidate=ModelReview(curves(answers, weights), 0.5),
        baseline=ModelReview(curves(answers, weights), 0.5),
        gallery=gallery(images, answers, answers[::-1], parts, each=3, disagreements=12),
        data=None,
        data_page="",
        settings=[],
    )
