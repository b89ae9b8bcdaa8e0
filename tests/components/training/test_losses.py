import keras
import numpy as np
import pytest

from components.training.losses import LOSSES, bce, dice, dice_bce, focal, focal_dice, lovasz, tversky

SHAPE = (3, 8, 8, 1)
RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(0, 2, SHAPE).astype(np.float32)
MASKS = (RANDOM.uniform(size=SHAPE) < 0.2).astype(np.float32)
MASKS[2] = 0  # a crop without ships
P = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))


def _dice_loss(masks: np.ndarray, ships: np.ndarray) -> float:
    return 1 - (2 * (masks * ships).sum() + 1) / (masks.sum() + ships.sum() + 1)


BCE = -np.mean(MASKS * np.log(P) + (1 - MASKS) * np.log(1 - P))
P_RIGHT = np.where(MASKS > 0, P, 1 - P)
FOCAL = np.mean((1 - P_RIGHT) ** 2 * -np.log(P_RIGHT))
DICE = np.mean([_dice_loss(MASKS[i], P[i]) for i in (0, 1)]) + _dice_loss(MASKS, P)
HITS, FALSE, MISSED = (MASKS * P).sum(), ((1 - MASKS) * P).sum(), (MASKS * (1 - P)).sum()
TVERSKY = 1 - (HITS + 1) / (HITS + 0.3 * FALSE + 0.7 * MISSED + 1)


def _lovasz_hinge(masks: np.ndarray, logits: np.ndarray) -> float:
    """By the definition: how the Jaccard loss of a set of wrong pixels grows as they are added."""
    errors = 1 - logits * np.where(masks > 0, 1, -1)
    ships = set(np.flatnonzero(masks))
    wrong: set[int] = set()
    loss = jaccard_loss = 0.0
    for pixel in np.argsort(-errors, kind="stable"):
        wrong.add(int(pixel))
        grown = len(wrong) / len(ships | wrong)
        loss += max(errors[pixel], 0) * (grown - jaccard_loss)
        jaccard_loss = grown
    return loss


LOVASZ = np.mean([_lovasz_hinge(MASKS[i].ravel(), LOGITS[i].ravel()) for i in range(3)])


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (bce, BCE),
        (focal, FOCAL),
        (dice, DICE),
        (dice_bce, DICE + BCE),
        (focal_dice, 10 * FOCAL + DICE),
        (tversky, TVERSKY),
        (lovasz, LOVASZ),
    ],
)
def test_loss_is_what_its_paper_says(loss, expected) -> None:
    assert float(loss(MASKS, LOGITS)) == pytest.approx(expected, rel=1e-5)


def test_one_pixel_by_hand() -> None:
    """Logit 0 on one ship pixel: p = 1/2."""
    one, zero = np.ones((1, 1, 1, 1), np.float32), np.zeros((1, 1, 1, 1), np.float32)
    assert float(bce(one, zero)) == pytest.approx(np.log(2))
    assert float(focal(one, zero)) == pytest.approx(np.log(2) / 4)
    # (2 x 1/2 + 1) / (1 + 1/2 + 1) = 0.8, for the crop and for the batch.
    assert float(dice(one, zero)) == pytest.approx(0.4)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("ship", [0.0, 1.0], ids=["all empty", "all ship"])
def test_extremes_are_finite_and_ordered(loss, ship: float) -> None:
    masks = np.full(SHAPE, ship, np.float32)
    sure = np.full(SHAPE, 1e4 if ship else -1e4, np.float32)
    right, unsure, wrong = (float(loss(masks, logits)) for logits in (sure, 0 * sure, -sure))
    assert 0 <= right < 1e-3
    assert right < unsure < wrong < np.inf


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_gradient_is_finite_and_falls_towards_the_mask(loss) -> None:
    import tensorflow as tf

    logits = tf.Variable(np.concatenate([LOGITS * 50, np.zeros_like(LOGITS)]))
    masks = np.concatenate([MASKS, MASKS])
    with tf.GradientTape() as tape:
        value = loss(masks, logits)
    gradient = tape.gradient(value, logits).numpy()
    assert np.isfinite(gradient).all()
    assert float(loss(masks, logits - 0.1 * gradient)) < float(value)


def test_half_precision_masks_do_not_overflow() -> None:
    """70,000 pixels are more than float16 can count."""
    masks = keras.ops.ones((1, 300, 300, 1), "float16")
    assert np.isfinite(float(dice_bce(masks, keras.ops.zeros((1, 300, 300, 1), "float16"))))
