"""Where the pretrained weights of a network come from, for those who must answer for it."""

import hashlib
from importlib import metadata
from pathlib import Path

from components.training.networks.efficientnet_lite import packaged_weights
from components.training.settings import IMAGENET, RANDOM, ScheduleSettings


def weights_origin(settings: ScheduleSettings) -> dict[str, str]:
    """Encoder, source, licence and SHA-256 of the weights that a training starts from, as far as known.

    Args:
        settings: of a trainer, with an `architecture`.

    Returns:
        Empty for a network that starts from random weights.
    """
    if getattr(settings, "architecture", "") != "pretrained" or settings.encoder_weights == RANDOM:
        return {}
    known = {"encoder": settings.encoder}
    if settings.encoder_weights != IMAGENET:
        path = Path(settings.encoder_weights)
        return known | {"source": path.name, "licence": "not known", "sha256": _sha256(path)}
    found = packaged_weights(settings.encoder)
    if found is None:
        return known | {"source": "keras.applications, ImageNet", "licence": "Apache-2.0"}
    package, path = found
    source = f"ImageNet, registry package {package} {metadata.version(package)}"
    return known | {"source": source, "licence": "Apache-2.0", "sha256": _sha256(path)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
