"""Names that the evaluation, its tables and the listing of runs share. Imports nothing."""

# Heads of the detector's `evaluate` signature.
CLASSIFIER, SEGMENTER, CASCADE = "classifier", "segmenter", "cascade"
CANDIDATE, BASELINE = "candidate", "baseline"

# Outputs of that signature from which the ships are counted, see `components.evaluation.extractors`.
SEGMENTER_MASK, CASCADE_MASK, IMAGE_SIZE = "segmenter_mask", "cascade_mask", "image_size"
# And those from which curves over the threshold are drawn, see `components.review_report`.
PREDICTED_PX, HIT_PX = "predicted_px", "hit_px"

# Feature by which images are sliced: class of the median labelled ship area. Images without ships have none.
SHIP_SIZE = "ship_size"
# Classes of a ship's area in px; the lower bound belongs to the class, the upper one to the next.
SHIP_SIZES = ("0-60", "60-150", "150-500", "500-2000", "2000+")

# Metrics of the segmenter's and the cascade's head; see `components.evaluation.metrics` for what they mean.
DICE, PIXEL_DICE, F2 = "dice", "pixel_dice", "f2"
PIXEL_IOU, PIXEL_PRECISION, PIXEL_RECALL = "pixel_iou", "pixel_precision", "pixel_recall"
SHIP_PRECISION, SHIP_RECALL = "ship_precision", "ship_recall"
# By class of ship size.
SHIPS_OF = {size: f"ships_{size}" for size in SHIP_SIZES}
FOUND_OF = {size: f"ships_found_{size}" for size in SHIP_SIZES}
RECALL_OF = {size: f"ship_recall_{size}" for size in SHIP_SIZES}
SHIP_DICE_OF = {size: f"ship_dice_{size}" for size in SHIP_SIZES}

# Metrics of the classifier's head.
AUC, PRECISION, RECALL, ACCURACY = "auc", "precision", "recall", "accuracy"
IMAGES = "example_count"

# A metric's 95 % bounds travel through TFMA as metrics of these suffixes; `results` joins the three.
LOWER, UPPER = "_lower", "_upper"

# The paired difference candidate - baseline of a metric of masks, with bounds of its own, travels likewise.
GAIN = "_gain"

# What a rule can be about: metrics in 0-1 of which more is better.
_OF_MASKS = (
    DICE, PIXEL_DICE, F2, PIXEL_IOU, PIXEL_PRECISION, PIXEL_RECALL, SHIP_PRECISION, SHIP_RECALL,
    *RECALL_OF.values(), *SHIP_DICE_OF.values(),
)  # fmt: skip
JUDGED_METRICS = {
    CLASSIFIER: (AUC, PRECISION, RECALL, ACCURACY),
    SEGMENTER: _OF_MASKS,
    CASCADE: _OF_MASKS,
}

# Custom properties of the evaluation artifact, so that runs can be listed without TFMA.
HEADLINE_DICE_SHIPS = "dice_ships"
HEADLINE_SEGMENTER_DICE_SHIPS = "segmenter_dice_ships"
HEADLINE_DICE = "dice"
HEADLINE_AUC = "classifier_auc"
HEADLINE_IMAGES = "test_images"
# "passed", "failed" or "undecided", see `components.evaluation.verdict`.
VERDICT = "verdict"
