"""Which role a scene has: a stable draw, so that adding images never moves those that were there.

Tiles of one scene overlap or neighbour each other; a tile that trains must not have a sibling that tests.
"""

import hashlib


def scene_role(scene_id: str, train_ratio: float, eval_ratio: float, seed: str) -> str:
    """Role of a scene: "train", "eval" or "test".

    Args:
        scene_id: scene, or the image id where no scene is known.
        train_ratio: expected share of scenes that train (0-1).
        eval_ratio: expected share of scenes for early stopping and thresholds (0-1); test gets the rest.
        seed: another seed is another draw.
    """
    position = stable_fraction(scene_id, seed)
    if position < train_ratio:
        return "train"
    return "eval" if position < train_ratio + eval_ratio else "test"


def stable_fraction(name: str, seed: str) -> float:
    """Evenly spread number in [0, 1) that depends on name and seed alone (Python's hash() is salted)."""
    digest = hashlib.sha256(f"{seed}\0{name}".encode(errors="surrogateescape")).digest()
    # 53 bits are what a float holds exactly.
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)
