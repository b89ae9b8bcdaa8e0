"""Pictures inside a page."""

import base64
from typing import Any

import cv2
from numpy.typing import NDArray


def jpeg_uri(rgb: NDArray[Any], edge_px: int, quality: int = 70) -> str:
    """An image (uint8 [H, W, 3] RGB) as JPEG of at most `edge_px` a side, never enlarged, in a data URI."""
    scale = min(edge_px / max(rgb.shape[:2]), 1.0)
    height, width = (max(1, round(edge * scale)) for edge in rgb.shape[:2])
    small = cv2.cvtColor(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()
