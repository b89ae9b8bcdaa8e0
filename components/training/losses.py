"""Segmentation losses on logits, by the name that settings give them.

Every loss takes masks [N, H, W, 1] of 0 and 1 and logits of the same shape, and returns a float32 scalar >= 0
that is finite for any finite logits, also where a batch shows no ship or nothing else. Plain `keras.ops`, so
they run on each Keras backend.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

Loss = Callable[[Any, Any], Any]

# One pixel added to both parts of an overlap ratio: defines it where there is neither ship nor prediction.
_SMOOTH_PX = 1.0
_FOCUS = 2.0  # gamma of arXiv:1708.02002, the paper's best
_FOCAL_SHARE = 10.0  # focal loss is some ten times smaller than dice loss on masks with few ship pixels
_FALSE_ALARM_WEIGHT, _MISS_WEIGHT = 0.3, 0.7  # alpha and beta of arXiv:1706.05721, its best pair

_PER_CROP = (1, 2, 3)
_WHOLE_BATCH = (0, 1, 2, 3)


def bce(masks: Any, logits: Any) -> Any:
    """Binary cross-entropy, mean over pixels: max(x, 0) - x y + log(1 + exp(-|x|))."""
    return ops.mean(_cross_entropy(*_float(masks, logits)))


def focal(masks: Any, logits: Any) -> Any:
    """Focal loss (Lin et al. 2017, arXiv:1708.02002, eq. 4): (1 - p_t)^2 x cross-entropy, mean over pixels.

    Without the paper's alpha, whose 0.25 for the rare class makes an empty start emptier still.
    """
    masks, logits = _float(masks, logits)
    # 1 - p_t is the sigmoid of the logit of being wrong.
    wrong = ops.sigmoid(logits * (1 - 2 * masks))
    return ops.mean(wrong**_FOCUS * _cross_entropy(masks, logits))


def dice(masks: Any, logits: Any) -> Any:
    """Soft dice loss 1 - 2 |P y| / (|P| + |y|) (Milletari et al. 2016, arXiv:1606.04797, not squared).

    The sum of two: the mean over crops that show ships, so that a small ship weighs as much as a large one,
    and the dice of the batch as one image, which also counts false ships in crops without any.
    """
    masks, logits = _float(masks, logits)
    ships = ops.sigmoid(logits)
    has_ship = ops.cast(ops.max(masks, _PER_CROP) > 0, "float32")
    crops = ops.sum(has_ship * (1 - _dice_ratio(masks, ships, _PER_CROP))) / ops.maximum(
        ops.sum(has_ship), 1.0
    )
    return crops + 1 - _dice_ratio(masks, ships, _WHOLE_BATCH)


def dice_bce(masks: Any, logits: Any) -> Any:
    """Dice loss + binary cross-entropy."""
    return dice(masks, logits) + bce(masks, logits)


def focal_dice(masks: Any, logits: Any) -> Any:
    """10 x focal loss + dice loss."""
    return _FOCAL_SHARE * focal(masks, logits) + dice(masks, logits)


def tversky(masks: Any, logits: Any) -> Any:
    """Tversky loss 1 - TP / (TP + 0.3 FP + 0.7 FN) over the batch (Salehi et al. 2017, arXiv:1706.05721)."""
    masks, logits = _float(masks, logits)
    ships = ops.sigmoid(logits)
    hits = ops.sum(masks * ships)
    false_alarms = ops.sum((1 - masks) * ships)
    misses = ops.sum(masks * (1 - ships))
    errors = _FALSE_ALARM_WEIGHT * false_alarms + _MISS_WEIGHT * misses
    return 1 - (hits + _SMOOTH_PX) / (hits + errors + _SMOOTH_PX)


def lovasz(masks: Any, logits: Any) -> Any:
    """Lovász hinge (Berman et al. 2018, arXiv:1705.08790, eq. 8 and 9), mean over crops.

    The convex extension of the Jaccard loss 1 - |P and y| / |P or y| to the hinge errors 1 - x (2 y - 1):
    each error, from the greatest down, weighs as much as the Jaccard loss grows when its pixel turns wrong.
    """
    masks, logits = _float(masks, logits)
    pixels = (ops.shape(masks)[0], -1)
    masks, logits = ops.reshape(masks, pixels), ops.reshape(logits, pixels)
    errors = 1 - logits * (2 * masks - 1)
    order = ops.argsort(-errors, axis=1)
    errors, masks = ops.take_along_axis(errors, order, 1), ops.take_along_axis(masks, order, 1)
    ships = ops.sum(masks, 1, keepdims=True)
    missed, false_alarms = ops.cumsum(masks, 1), ops.cumsum(1 - masks, 1)
    # After so many wrong pixels; the union is never empty, since the first pixel is in one of the two.
    jaccard_losses = 1 - (ships - missed) / (ships + false_alarms)
    weights = ops.concatenate([jaccard_losses[:, :1], jaccard_losses[:, 1:] - jaccard_losses[:, :-1]], 1)
    return ops.mean(ops.sum(ops.relu(errors) * weights, 1))


def _float(masks: Any, logits: Any) -> tuple[Any, Any]:
    """Both in float32: sums over a batch of pixels overflow half precision."""
    return ops.cast(masks, "float32"), ops.cast(logits, "float32")


def _cross_entropy(masks: Any, logits: Any) -> Any:
    return ops.relu(logits) - logits * masks + ops.log1p(ops.exp(-ops.abs(logits)))


def _dice_ratio(masks: Any, ships: Any, axes: tuple[int, ...]) -> Any:
    overlap = ops.sum(masks * ships, axes)
    return (2 * overlap + _SMOOTH_PX) / (ops.sum(masks, axes) + ops.sum(ships, axes) + _SMOOTH_PX)


LOSSES: dict[str, Loss] = {
    "bce": bce,
    "dice_bce": dice_bce,
    "focal": focal,
    "focal_dice": focal_dice,
    "tversky": tversky,
    "lovasz": lovasz,
}
