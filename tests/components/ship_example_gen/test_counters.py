"""What the ingestion reads from the counters of Beam's runners."""

from types import SimpleNamespace

from apache_beam.metrics.monitoring_infos import int64_user_counter
from apache_beam.portability.api import beam_job_api_pb2
from apache_beam.runners.portability.portable_runner import PortableMetrics

from components.examples import SPLITS
from components.ship_example_gen.ingestion import STAGE, counted


def test_images_are_counted_where_the_runner_commits_no_counters():
    """Flink's job server gives attempted ones only (apache/beam#18287)."""
    counts = {"train_ships": 7, "undecodable": 2}
    attempted = [int64_user_counter(STAGE, name, count, "MakeExamples") for name, count in counts.items()]
    metrics = beam_job_api_pb2.MetricResults(attempted=attempted)
    response = beam_job_api_pb2.GetJobMetricsResponse(metrics=metrics)
    written, undecodable = counted(SimpleNamespace(metrics=lambda: PortableMetrics(response)))
    assert written == {**dict.fromkeys(SPLITS, 0), "train_ships": 7}
    assert undecodable == 2
