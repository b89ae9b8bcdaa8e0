"""Names that the evaluation, its tables and the listing of runs share. Imports nothing."""

# Heads of the detector's `evaluate` signature.
CLASSIFIER, SEGMENTER, CASCADE = "classifier", "segmenter", "cascade"
CANDIDATE, BASELINE = "candidate", "baseline"

# Metrics of the segmenter's and the cascade's head.
DICE, DICE_STANDARD_ERROR, PIXEL_DICE = "dice", "dice_standard_error", "pixel_dice"

# What a rule can be about: metrics in 0-1 of which more is better.
JUDGED_METRICS = {
    CLASSIFIER: ("auc", "precision", "recall", "binary_accuracy"),
    SEGMENTER: (DICE, PIXEL_DICE),
    CASCADE: (DICE, PIXEL_DICE),
}

# Custom properties of the evaluation artifact, so that runs can be listed without TFMA.
HEADLINE_DICE_SHIPS = "dice_ships"
HEADLINE_SEGMENTER_DICE_SHIPS = "segmenter_dice_ships"
HEADLINE_DICE = "dice"
HEADLINE_AUC = "classifier_auc"
HEADLINE_IMAGES = "test_images"
# "passed", "failed" or "undecided", see `components.evaluation.verdict`.
VERDICT = "verdict"
