"""Every metric of a real Evaluator run against numpy, scikit-image, pycocotools and scikit-learn.

The model is a SavedModel that answers with the masks and probabilities that stand in the Example.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from example_files import write_examples
from google.protobuf import json_format
from numpy.typing import NDArray
from pycocotools import mask as coco
from scipy import stats
from skimage.measure import label as label_components
from sklearn.metrics import roc_auc_score
from tfx.types import standard_artifacts
from tfx.utils import json_utils

from components.errors import SettingsError
from components.evaluation import names
from components.evaluation.component import Executor
from components.evaluation.config import eval_config
from components.evaluation.names import (
    BASELINE,
    CANDIDATE,
    CASCADE,
    CLASSIFIER,
    SEGMENTER,
    SHIP_SIZE,
    SHIP_SIZES,
)
from components.evaluation.results import read_evaluation
from components.evaluation.settings import EvaluationSettings
from components.evaluation.slices import Evaluation, Figure, Slice
from components.examples import ENCODED_PIXELS, HAS_SHIP, SHIP_GROUP, ship_group, split_name
from components.masks import rle

# Whole runs of TFMA.
pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 120, 160
THRESHOLD = 0.5
Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class Scored:
    """A test image: labelled ships, what the segmenter says, what the classifier says, where it is from."""

    ships: list[Mask]
    mask: Mask
    probability: float
    source: str

    @property
    def served(self) -> Mask:
        return self.mask * np.uint8(self.probability >= THRESHOLD)

    @property
    def before(self) -> "Scored":
        """The same image with the answers of another model: masks a little off, other probabilities."""
        return replace(self, mask=np.roll(self.mask, 2, axis=0), probability=7 * self.probability % 1)


class Answers(tf.Module):
    """Answers with what the Example says; without masks, as models did before these were measured.

    The names of the features from which it reads begin with `of`.
    """

    def __init__(self, masks: bool, of: str) -> None:
        super().__init__()
        self.masks, self.of = masks, of

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        shapes = {"judged": ([2], tf.float32), SEGMENTER: ([3], tf.float32), CASCADE: ([3], tf.float32)}
        told = tf.io.parse_example(
            examples,
            {self.of + name: tf.io.FixedLenFeature(*shape) for name, shape in shapes.items()}
            | {self.of + name: tf.io.FixedLenFeature([], tf.string) for name in ("alone", "silenced")},
        )
        row = {name.removeprefix(self.of): value for name, value in told.items()}
        heads = {SEGMENTER: row[SEGMENTER], CASCADE: row[CASCADE]}
        if not self.masks:
            return {CLASSIFIER: row["judged"][:, :1], **heads}
        size = tf.tile([[HEIGHT, WIDTH]], [tf.shape(examples)[0], 1])
        return {
            CLASSIFIER: row["judged"],
            names.SEGMENTER_MASK: row["alone"],
            names.CASCADE_MASK: row["silenced"],
            names.IMAGE_SIZE: size,
            **heads,
        }


def box(top: int, left: int, height: int, width: int) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top : top + height, left : left + width] = 1
    return mask


def drawn(*boxes: tuple[int, int, int, int]) -> Mask:
    return np.clip(sum((box(*place) for place in boxes), np.zeros((HEIGHT, WIDTH))), 0, 1).astype(np.uint8)


# 48, 100, 300, 1200 and 3000 px: one ship of each class, apart from each other.
BOXES = [(4, 4, 6, 8), (4, 30, 10, 10), (4, 60, 10, 30), (40, 4, 30, 40), (60, 90, 50, 60)]
IMAGES = [
    Scored([box(*place) for place in BOXES], drawn(*BOXES), 0.9, "airbus"),
    # Shifted, cut short, missed, in two pieces, doubled by a false alarm; two ships under one component.
    Scored(
        [box(*place) for place in BOXES],
        drawn(
            (4, 6, 6, 8), (4, 30, 7, 10), (40, 4, 30, 18), (40, 24, 30, 20), (60, 92, 50, 60), (100, 5, 4, 4)
        ),
        0.8,
        "airbus",
    ),
    Scored([box(10, 10, 10, 12), box(10, 22, 10, 12)], drawn((10, 10, 10, 24)), 0.7, "sen2ships"),
    # IoU of exactly 0.5 is no hit; pieces that touch at a corner are one component.
    Scored([box(0, 0, 10, 10)], drawn((0, 0, 10, 5)), 0.6, "sen2ships"),
    Scored(
        [box(0, 0, 10, 10) | box(10, 10, 10, 10)], drawn((0, 0, 10, 10), (10, 10, 10, 8)), 0.6, "sen2ships"
    ),
    Scored([box(70, 70, 20, 20)], drawn((70, 70, 20, 19)), 0.3, "airbus"),
    Scored([box(70, 70, 5, 10)], drawn(), 0.55, "airbus"),
    Scored([], drawn(), 0.1, "airbus"),
    Scored([], drawn((30, 30, 3, 3), (50, 50, 9, 9)), 0.4, "airbus"),
    Scored([], drawn((30, 30, 3, 3)), 0.6, "sen2ships"),
]


def pixels(truth: Mask, mask: Mask) -> list[int]:
    return [
        int((truth & mask).sum()),
        int((mask & ~truth & 1).sum()),
        int((truth & ~mask & 1).sum()),
    ]


def example(image: Scored) -> bytes:
    truth = np.clip(sum(image.ships, np.zeros((HEIGHT, WIDTH), np.uint8)), 0, 1)
    texts = {
        ENCODED_PIXELS: [rle.encode(ship) for ship in image.ships],
        SHIP_GROUP: [ship_group(len(image.ships))],
        "Source": [image.source],
    }
    numbers: dict[str, list[float]] = {}
    for of, answer in ((CANDIDATE, image), (BASELINE, image.before)):
        texts[of + "alone"] = [rle.encode(answer.mask)]
        texts[of + "silenced"] = [rle.encode(answer.served)]
        numbers[of + "judged"] = [answer.probability, answer.probability >= THRESHOLD]
        numbers[of + SEGMENTER] = list(pixels(truth, answer.mask))
        numbers[of + CASCADE] = list(pixels(truth, answer.served))
    record = tf.train.Example()
    for name, values in texts.items():
        listed = tf.train.BytesList(value=[text.encode() for text in values])
        record.features.feature[name].CopyFrom(tf.train.Feature(bytes_list=listed))
    for name, row in numbers.items():
        record.features.feature[name].float_list.value.extend(row)
    record.features.feature[HAS_SHIP].int64_list.value.append(len(image.ships) > 0)
    serialized: bytes = record.SerializeToString()
    return serialized


def saved(folder: Path, masks: bool = True, of: str = CANDIDATE) -> standard_artifacts.Model:
    module = Answers(masks, of)
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    artifact.id = 1
    tf.saved_model.save(module, str(folder / "Format-Serving"), signatures={"evaluate": module.evaluate})
    return artifact


def evaluate(
    folder: Path, images: list[Scored], baseline: standard_artifacts.Model | None = None, **settings: Any
) -> Evaluation:
    splits: dict[str, list[bytes]] = {"test_ships": [], "test_empty": []}
    for image in images:
        splits[split_name("test", len(image.ships))].append(example(image))
    evaluation, none = standard_artifacts.ModelEvaluation(), standard_artifacts.Model()
    evaluation.uri, none.uri = str(folder / "evaluation"), str(folder / "none")
    config = eval_config(EvaluationSettings(rules=(), **settings), ("Source",))
    Executor().Do(
        {
            "examples": [write_examples(folder / "examples", splits)],
            "model": [saved(folder / "candidate")],
            "baseline_model": [baseline or none],
        },
        {"evaluation": [evaluation]},
        {
            "eval_config": json_format.MessageToJson(config),
            "rules": "[]",
            "example_splits": json_utils.dumps(list(splits)),
        },
    )
    return read_evaluation(evaluation.uri)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Beside a baseline from before models told masks; what it does tell is the same."""
    folder = tmp_path_factory.mktemp("figures")
    return evaluate(folder, IMAGES, saved(folder / "baseline", masks=False))


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Beside a baseline that answers otherwise."""
    folder = tmp_path_factory.mktemp("compared")
    return evaluate(folder, IMAGES, saved(folder / "baseline", of=BASELINE))


def size_of(area_px: float) -> str:
    bounds = {"0-60": 60, "60-150": 150, "150-500": 500, "500-2000": 2000, "2000+": np.inf}
    return next(name for name, bound in bounds.items() if area_px < bound)


def iou_matrix(ships: list[Mask], mask: Mask) -> NDArray[np.float64]:
    """[ships, components], by pycocotools on the components of scikit-image."""
    components, count = label_components(mask, connectivity=2, return_num=True)
    coded = [
        [coco.encode(np.asfortranarray(one.astype(np.uint8))) for one in ones]
        for ones in (ships, [components == number + 1 for number in range(count)])
    ]
    if not ships or not count:
        return np.zeros((len(ships), count))
    matrix: NDArray[np.float64] = np.asarray(coco.iou(*coded, [0] * count))
    return matrix


def f2(matrix: NDArray[np.float64]) -> float:
    if not sum(matrix.shape):
        return 1.0
    scores = []
    for threshold in np.arange(0.5, 1.0, 0.05):
        hits = (matrix > threshold + 1e-9).sum()
        missed, false = matrix.shape[0] - hits, matrix.shape[1] - hits
        scores.append(5 * hits / (5 * hits + 4 * missed + false))
    return float(np.mean(scores))


def dice_nearby(ship: Mask, others: list[Mask], mask: Mask) -> float:
    rows, columns = np.nonzero(ship)
    near = np.zeros_like(ship)
    near[max(rows.min() - 8, 0) : rows.max() + 9, max(columns.min() - 8, 0) : columns.max() + 9] = 1
    for other in others:
        near[other > 0] = 0
    return 2 * float((ship & mask).sum()) / float(ship.sum() + (mask & near).sum())


def delta_method(above: NDArray[Any], below: NDArray[Any]) -> tuple[float, float, float]:
    ratio = above.sum() / below.sum()
    residuals = above - ratio * below
    variance = residuals.var(ddof=1) / len(above) / below.mean() ** 2
    reach = stats.t.ppf(0.975, len(above) - 1) * np.sqrt(variance)
    return ratio, ratio - reach, ratio + reach


def expected_of_masks(images: list[Scored], head: str) -> dict[str, tuple[float, ...]]:
    """Value and bounds, or the value alone where one image gives no bounds; undefined ones are left out."""
    masks = [image.mask if head == SEGMENTER else image.served for image in images]
    counts = np.array([
        pixels(np.clip(sum(image.ships, np.zeros((HEIGHT, WIDTH), np.uint8)), 0, 1), mask)
        for image, mask in zip(images, masks, strict=True)
    ], float)  # fmt: skip
    tp, fp, fn = counts.T
    ones = np.ones(len(images))
    matrices = [iou_matrix(image.ships, mask) for image, mask in zip(images, masks, strict=True)]
    hits = [(matrix > 0.5).any(axis=1) for matrix in matrices]
    found = np.array([hit.sum() for hit in hits], float)
    ratios = {
        "dice": (np.where(tp + fp + fn, 2 * tp / np.maximum(2 * tp + fp + fn, 1), 1.0), ones),
        "f2": (np.array([f2(matrix) for matrix in matrices]), ones),
        "pixel_dice": (2 * tp, 2 * tp + fp + fn),
        "pixel_iou": (tp, tp + fp + fn),
        "pixel_precision": (tp, tp + fp),
        "pixel_recall": (tp, tp + fn),
        "ship_recall": (found, np.array([matrix.shape[0] for matrix in matrices], float)),
        "ship_precision": (found, np.array([matrix.shape[1] for matrix in matrices], float)),
    }  # fmt: skip
    expected: dict[str, tuple[float, ...]] = {}
    for size in SHIP_SIZES:
        of_size = [[size_of(ship.sum()) == size for ship in image.ships] for image in images]
        number = np.array([sum(those) for those in of_size], float)
        hit = np.array(
            [sum(h & t for h, t in zip(*pair, strict=True)) for pair in zip(hits, of_size, strict=True)]
        )
        near = np.array([
            sum(
                dice_nearby(ship, [other for other in image.ships if other is not ship], mask)
                for ship, wanted in zip(image.ships, those, strict=True) if wanted
            )
            for image, mask, those in zip(images, masks, of_size, strict=True)
        ])  # fmt: skip
        ratios |= {f"ship_recall_{size}": (hit.astype(float), number), f"ship_dice_{size}": (near, number)}
        expected |= {f"ships_{size}": (number.sum(),), f"ships_found_{size}": (hit.sum(),)}
    for name, (above, below) in ratios.items():
        if below.sum() == 0:
            if name in ("pixel_dice", "pixel_iou"):
                expected[name] = (1.0,)
        elif name.startswith(("ship_recall", "ship_precision")):
            expected[name] = clustered_wilson(above, below)
        elif len(images) == 1:
            expected[name] = (above[0] / below[0],)
        elif np.all(below == 1) and np.isin(above, (0, 1)).all():
            expected[name] = clustered_wilson(above, below)
        else:
            expected[name] = delta_method(above, below)
    return expected


def clustered_wilson(above: NDArray[Any], below: NDArray[Any]) -> tuple[float, float, float]:
    share = above.sum() / below.sum()
    trials = below.sum()
    if 0 < share < 1:
        effect = np.sum((above - share * below) ** 2) / (share * (1 - share) * trials)
        trials /= max(effect, 1)
    return share, *wilson(share, trials)


def wilson(share: float, trials: float) -> tuple[float, float]:
    """The two shares whose score statistic is at its bound, as roots of the quadratic equation."""
    squared = stats.norm.ppf(0.975) ** 2
    roots = np.roots([1 + squared / trials, -(2 * share + squared / trials), share**2])
    return float(min(roots)), float(max(roots))


def assert_equal(figure: Figure | None, expected: tuple[float, ...], name: str) -> None:
    assert figure is not None, name
    told = (figure.value,) if figure.lower is None else (figure.value, figure.lower, figure.upper)
    assert told == pytest.approx(expected, abs=1e-6), name


SLICES: list[tuple[dict[str, str], Any]] = [
    ({}, lambda image: True),
    ({HAS_SHIP: "1"}, lambda image: image.ships),
    ({HAS_SHIP: "0"}, lambda image: not image.ships),
    ({SHIP_GROUP: "5-6"}, lambda image: len(image.ships) == 5),
    # One image.
    ({SHIP_SIZE: "0-60"}, lambda image: len(image.ships) == 1 and image.ships[0].sum() < 60),
    ({"Source": "airbus"}, lambda image: image.source == "airbus"),
    ({"Source": "sen2ships", HAS_SHIP: "0"}, lambda image: image.source == "sen2ships" and not image.ships),
]


def part_of(slices: list[Slice], features: dict[str, str]) -> Slice:
    return next(part for part in slices if part.matches(features))


@pytest.mark.parametrize(("features", "belongs"), SLICES)
@pytest.mark.parametrize("head", [SEGMENTER, CASCADE])
def test_metrics_of_masks_equal_independent_ones(
    result: Evaluation, features: dict[str, str], belongs: Any, head: str
) -> None:
    images = [image for image in IMAGES if belongs(image)]
    part = part_of(result.candidate, features)
    assert part.images == len(images)
    expected = expected_of_masks(images, head)
    assert {metric for of, metric in part.figures if of == head} == expected.keys()
    for name, figures in expected.items():
        assert_equal(part.figures[head, name], figures, name)


@pytest.mark.parametrize(("features", "belongs"), SLICES)
def test_metrics_of_the_classifier_equal_independent_ones(
    result: Evaluation, features: dict[str, str], belongs: Any
) -> None:
    images = [image for image in IMAGES if belongs(image)]
    part = part_of(result.candidate, features)
    truth = np.array([bool(image.ships) for image in images])
    scores = np.array([image.probability for image in images], np.float32)
    said = scores >= THRESHOLD
    for name, of, right in (
        ("precision", said, truth[said]),
        ("recall", truth, said[truth]),
        ("accuracy", np.ones_like(said), said == truth),
    ):
        figure = part.figures.get((CLASSIFIER, name))
        if not of.any():
            assert figure is None, name
            continue
        share = float(right.mean())
        assert_equal(figure, (share, *wilson(share, len(right))), name)
    figure = part.figures.get((CLASSIFIER, "auc"))
    if truth.all() or not truth.any():
        assert figure is None
    else:
        assert figure is not None
        assert figure.value == pytest.approx(roc_auc_score(truth, scores), abs=1e-6)
        assert figure.lower < figure.value < figure.upper  # type: ignore[operator]


def gain_of_shares(
    one: tuple[NDArray[Any], NDArray[Any]], other: tuple[NDArray[Any], NDArray[Any]]
) -> tuple[float, float, float]:
    """Difference of two shares of the same images, by Newcombe's square and add with their correlation."""
    (x, below_x, x_low, x_high), (y, below_y, y_low, y_high) = (
        (above.sum() / below.sum(), below.sum(), *wilson(above.sum() / below.sum(), below.sum()))
        for above, below in (one, other)
    )
    parts = (one[0] - x * one[1]) / below_x, (other[0] - y * other[1]) / below_y
    spread = np.sqrt(np.sum(parts[0] ** 2) * np.sum(parts[1] ** 2))
    alike = np.sum(parts[0] * parts[1]) / spread if spread else 0.0
    down = (x - x_low) ** 2 + (y_high - y) ** 2 - 2 * alike * (x - x_low) * (y_high - y)
    up = (x_high - x) ** 2 + (y - y_low) ** 2 - 2 * alike * (x_high - x) * (y - y_low)
    return x - y, x - y - np.sqrt(max(down, 0)), x - y + np.sqrt(max(up, 0))


@pytest.mark.parametrize(("features", "belongs"), SLICES)
def test_paired_differences_equal_independent_ones(
    compared: Evaluation, features: dict[str, str], belongs: Any
) -> None:
    images = [image for image in IMAGES if belongs(image)]
    before = [image.before for image in images]
    gains = part_of(compared.candidate, features).gains
    for head in (SEGMENTER, CASCADE):
        values = (expected_of_masks(each, head)["dice"][0] for each in (images, before))
        assert gains[head, "dice"].value == pytest.approx(np.subtract(*values), abs=1e-6)
    truth = np.array([bool(image.ships) for image in images])
    said = [np.array([one.probability >= THRESHOLD for one in each]) for each in (images, before)]
    always = np.ones_like(truth)
    for name, pairs in {
        "precision": [(truth & each, each) for each in said],
        "recall": [(truth & each, truth) for each in said],
        "accuracy": [(truth == each, always) for each in said],
    }.items():
        gain = gains.get((CLASSIFIER, name))
        if not all(below.any() for _, below in pairs):
            assert gain is None, name
        else:
            one, other = ((above.astype(float), below.astype(float)) for above, below in pairs)
            assert_equal(gain, gain_of_shares(one, other), name)
    area = gains.get((CLASSIFIER, "auc"))
    if truth.all() or not truth.any():
        assert area is None
    else:
        assert area is not None
        areas = (roc_auc_score(truth, [one.probability for one in each]) for each in (images, before))
        assert area.value == pytest.approx(np.subtract(*areas), abs=1e-6)
        assert area.lower < area.value < area.upper  # type: ignore[operator]


def test_a_baseline_without_masks_is_compared_by_what_it_tells(result: Evaluation) -> None:
    candidate, baseline = result.candidate[0], result.baseline[0]
    for metric in ("dice", "pixel_iou"):
        assert baseline.figures[CASCADE, metric] == candidate.figures[CASCADE, metric]
    assert baseline.figures[CLASSIFIER, "auc"] == candidate.figures[CLASSIFIER, "auc"]
    assert baseline.value(CASCADE, "f2") is None
    assert baseline.value(CLASSIFIER, "recall") is None
    told = ("dice", "pixel_dice", "pixel_iou", "pixel_precision", "pixel_recall")
    assert candidate.gains.keys() == {(CLASSIFIER, "auc")} | {
        (head, metric) for head in (SEGMENTER, CASCADE) for metric in told
    }


def test_rules_know_every_metric_in_0_1_that_is_measured(result: Evaluation) -> None:
    counts = {names.IMAGES, *names.SHIPS_OF.values(), *names.FOUND_OF.values()}
    assert {(head, metric) for head, metrics in names.JUDGED_METRICS.items() for metric in metrics} == {
        (head, metric) for part in result.candidate for head, metric in part.figures if metric not in counts
    }


def test_images_are_sliced_by_the_class_of_their_median_ship(result: Evaluation) -> None:
    sizes = [part.features[SHIP_SIZE] for part in result.candidate if SHIP_SIZE in part.features]
    assert sizes == ["0-60", "60-150", "150-500"]
    assert part_of(result.candidate, {SHIP_SIZE: "150-500"}).images == 4


def test_one_empty_image_and_crosses_of_the_settings(tmp_path: Path) -> None:
    one = replace(IMAGES[8], probability=0.9)
    crosses = (("Source", SHIP_SIZE), ("Source", HAS_SHIP, SHIP_GROUP), (HAS_SHIP,))
    parts = evaluate(tmp_path, [one], crosses=crosses).candidate
    assert [part.features for part in parts] == [
        {},
        {HAS_SHIP: "0"},
        {SHIP_GROUP: "0"},
        {"Source": "airbus"},
        {"Source": "airbus", HAS_SHIP: "0", SHIP_GROUP: "0"},
    ]
    for part in parts:
        assert part.figures[CASCADE, "dice"] == part.figures[CASCADE, "f2"] == Figure(0.0)
        assert part.value(CASCADE, "ship_recall") is None
        assert part.value(CLASSIFIER, "accuracy") == 0


@pytest.mark.parametrize("settings", [{"crosses": (("Sauce", HAS_SHIP),)}, {"slice_columns": ("Sauce",)}])
def test_an_unknown_feature_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=rf"evaluation\.{next(iter(settings))}.*Sauce.*Source"):
        eval_config(EvaluationSettings(**settings), ("Source",))


def test_without_any_image_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert evaluate(tmp_path, []) == Evaluation([], [])
