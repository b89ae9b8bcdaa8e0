"""What the server is told on the command line, which shows the defaults: nothing heavy is imported."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """Where to listen; port 0 lets the system choose a free one."""

    host: str = "127.0.0.1"
    rest_port: int = 8501
    grpc_port: int = 8500


@dataclass(frozen=True)
class Limits:
    """Bounds that keep the server alive whatever is sent to it.

    Attributes:
        body_mb: size of a request, in MiB; of what a compressed body unpacks to as well.
        image_pixels: height x width that the head of an image may state.
        images: images in one request.
        concurrency: requests under way at once (being received, waiting, computed); more are refused.
        threads: model calls at once. TensorFlow uses all cores for each, so few are enough.
        timeout_s: from the request's first bytes to its answer.
    """

    body_mb: int = 32
    image_pixels: int = 1 << 26
    images: int = 64
    concurrency: int = 32
    threads: int = 2
    timeout_s: float = 60.0

    @property
    def body_bytes(self) -> int:
        """Size of a request in bytes."""
        return self.body_mb << 20
