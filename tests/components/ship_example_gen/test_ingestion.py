"""What the pipeline of the ingestion carries."""

from pathlib import Path

import apache_beam as beam

from components.ship_example_gen.example import PlannedImage
from components.ship_example_gen.ingestion import LABEL_ISSUES_FILE, count_issues, ingest
from components.ship_example_gen.labels import Issue
from components.ship_example_gen.measuring import Measure, Measured
from components.ship_example_gen.settings import IngestionSettings
from components.ship_example_gen.stored_lists import StoredLists


def _pipeline(folder: Path, count: int) -> beam.Pipeline:
    """The ingestion of no image, and of the label rows of so many that are not there."""
    scratch = str(folder / "scratch")
    planned: StoredLists[PlannedImage] = StoredLists(scratch, "planned")
    known: StoredLists[Measured] = StoredLists(scratch, "measured")
    issues: StoredLists[Issue] = StoredLists(scratch, "issues")
    others = [
        Issue("labels.csv", str(line), f"{line}.jpg", "labels without image", "ignored")
        for line in range(count)
    ]
    pipeline = beam.Pipeline()
    ingest(
        pipeline,
        [],
        planned=planned,
        known=known,
        measure=Measure("labels.csv", IngestionSettings()),
        issues=issues,
        issue_lists=issues.write_all(others),
        examples_uri=str(folder / "examples"),
        report_uri=str(folder / "report"),
    )
    return pipeline


def test_issues_of_absent_images_are_reported_and_do_not_travel_in_the_pipeline(tmp_path):
    few, many = (_pipeline(tmp_path / str(count), count) for count in (3, 3000))
    assert many.to_runner_api().ByteSize() < few.to_runner_api().ByteSize() + 10_000
    many.run().wait_until_finish()
    report = tmp_path / "3000" / "report" / LABEL_ISSUES_FILE
    assert count_issues(str(report)) == {"labels without image (ignored)": 3000}
