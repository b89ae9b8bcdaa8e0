"""The tf.Example contract between the stages: splits, ship groups, feature names. Imports no TensorFlow."""

ROLES = ("train", "eval", "test")
# A split per role and kind, so that trainers, statistics and Evaluator pick what they need by split name.
SPLITS = tuple(f"{role}_{kind}" for role in ROLES for kind in ("ships", "empty"))

# Ships per image: none, and the seven groups of the report that the project began from.
SHIP_GROUPS = ("0", "1-2", "3-4", "5-6", "7-8", "9-10", "11-12", "13+")

# Custom property of an Examples artifact: how many images it holds.
IMAGE_COUNT = "images"

IMAGE = "image"
IMAGE_ID = "image_id"
ENCODED_PIXELS = "encoded_pixels"
SHIP_COUNT = "ship_count"
SHIP_GROUP = "ship_group"
# 1 if the image shows a ship, else 0: the classifier's label and the most telling slice.
HAS_SHIP = "has_ship"
# Pixels that the kept ship masks cover together.
SHIP_PIXELS = "ship_pixels"
SCENE_ID = "scene_id"
# As decoded; 0 for an image that cannot be decoded.
HEIGHT = "height"
WIDTH = "width"
CHANNELS = "channels"
# Pillow's name of the file format, e.g. "JPEG"; "" if unknown.
FORMAT = "format"
FILE_BYTES = "file_bytes"
SHA1 = "sha1"
# 1 or 0; an image with a 0 is quarantined. `LABEL_REASON` says why, "" for a label that can be trusted, and
# `DECODE_REASON`, "" for an image that can be decoded or is simply no image or not whole.
DECODE_OK = "decode_ok"
DECODE_REASON = "decode_reason"
LABEL_OK = "label_ok"
LABEL_REASON = "label_reason"
# 0 where the label is a mask of the image, but hardly one of ships; `LABEL_DOUBT` says why.
LABEL_PLAUSIBLE = "label_plausible"
LABEL_DOUBT = "label_doubt"
# 1 for a copy of another image; `DUPLICATE_OF` names that one, "" for an image of its own. Of several copies
# the first by name with a good label is the original, see `ship_example_gen.copies`.
IS_DUPLICATE = "is_duplicate"
DUPLICATE_OF = "duplicate_of"
# Every feature of an Example but the quality scalars and the columns of the user's scene table.
IMAGE_FEATURES = (
    IMAGE, IMAGE_ID, ENCODED_PIXELS, SHIP_COUNT, SHIP_GROUP, HAS_SHIP, SHIP_PIXELS, SCENE_ID, HEIGHT, WIDTH,
    CHANNELS, FORMAT, FILE_BYTES, SHA1, DECODE_OK, DECODE_REASON, LABEL_OK, LABEL_REASON,
    LABEL_PLAUSIBLE, LABEL_DOUBT, IS_DUPLICATE, DUPLICATE_OF,
)  # fmt: skip


def ship_group(ship_count: int) -> str:
    """Name of the ship-quantity group of an image with `ship_count` (>= 0) ships."""
    return SHIP_GROUPS[min((ship_count + 1) // 2, len(SHIP_GROUPS) - 1)]


def split_name(role: str, ship_count: int) -> str:
    """Split of an image: its role ("train", "eval" or "test") and whether it shows ships."""
    return f"{role}_{'ships' if ship_count else 'empty'}"
