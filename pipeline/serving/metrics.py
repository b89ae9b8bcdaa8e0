"""What the server counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# From a hit of the classifier alone to a large scene on two cores.
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counters of one server, in a registry of their own so that two servers in a process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ships_requests",
            "Requests for a prediction, by protocol (rest, grpc, page) and outcome (ok, or what was wrong).",
            ["protocol", "outcome"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "ships_request_seconds",
            "From a request's head to its answer.",
            ["protocol"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.model_seconds = Histogram(
            "ships_model_seconds",
            "Time in the model for all images of a request.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.images = Counter("ships_images", "Images answered.", registry=self.registry)
        self.under_way = Gauge("ships_requests_under_way", "Requests admitted now.", registry=self.registry)
        self.model_version = Gauge(
            "ships_model_version", "Version served now, -1 for none.", ["model"], registry=self.registry
        )
        self.load_failures = Counter(
            "ships_model_load_failures",
            "Versions found that could not be loaded or warmed up.",
            ["model"],
            registry=self.registry,
        )

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
