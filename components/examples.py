"""The tf.Example contract between the stages: splits, ship groups, feature names. Imports no TensorFlow."""

ROLES = ("train", "eval", "test")
# A split per role and kind, so that trainers, statistics and Evaluator pick what they need by split name.
SPLITS = tuple(f"{role}_{kind}" for role in ROLES for kind in ("ships", "empty"))

# Ships per image: none, and the seven groups of the report that the project began from.
SHIP_GROUPS = ("0", "1-2", "3-4", "5-6", "7-8", "9-10", "11-12", "13+")

IMAGE = "image"
IMAGE_ID = "image_id"
ENCODED_PIXELS = "encoded_pixels"
SHIP_COUNT = "ship_count"
SHIP_GROUP = "ship_group"


def ship_group(ship_count: int) -> str:
    """Name of the ship-quantity group of an image with `ship_count` (>= 0) ships."""
    return SHIP_GROUPS[min((ship_count + 1) // 2, len(SHIP_GROUPS) - 1)]


def split_name(role: str, ship_count: int) -> str:
    """Split of an image: its role ("train", "eval" or "test") and whether it shows ships."""
    return f"{role}_{'ships' if ship_count else 'empty'}"
