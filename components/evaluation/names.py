"""Names that the evaluation, its tables and the listing of runs share. Imports nothing."""

# Heads of the detector's `evaluate` signature.
CLASSIFIER, SEGMENTER, CASCADE = "classifier", "segmenter", "cascade"
CANDIDATE, BASELINE = "candidate", "baseline"

# Metrics of the segmenter's and the cascade's head.
DICE, DICE_STANDARD_ERROR, PIXEL_DICE = "dice", "dice_standard_error", "pixel_dice"

# Custom properties of the evaluation artifact, so that runs can be listed without TFMA.
HEADLINE_DICE_SHIPS = "dice_ships"
HEADLINE_SEGMENTER_DICE_SHIPS = "segmenter_dice_ships"
HEADLINE_DICE = "dice"
HEADLINE_AUC = "classifier_auc"
HEADLINE_IMAGES = "test_images"
