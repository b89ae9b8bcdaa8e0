"""Executor of ShipExampleGen: the edges between TFX and the ingestion."""

import posixpath

import tensorflow as tf
from absl import logging
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.examples import IMAGE_COUNT, SPLITS
from components.progress import running
from components.ship_example_gen.copies import choose_originals
from components.ship_example_gen.example import PlannedImage
from components.ship_example_gen.ingestion import (
    LABEL_ISSUES_FILE,
    STAGE,
    count_issues,
    counted,
    ingest,
    plan,
    record_order,
)
from components.ship_example_gen.inputs import Inputs, read_inputs
from components.ship_example_gen.labels import Issue
from components.ship_example_gen.measuring import Measure, Measured
from components.ship_example_gen.measuring_pass import (
    OVERLAPS_FILE,
    measure_by_beam,
    write_overlaps,
)
from components.ship_example_gen.overlaps import SceneGroups
from components.ship_example_gen.scenes import leaking
from components.ship_example_gen.settings import IngestionSettings
from components.ship_example_gen.stored_lists import StoredLists


class Executor(base_beam_executor.BaseBeamExecutor):
    """Turns a folder of images and its tables into Examples; broken images included."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, object],
    ) -> None:
        """Writes the outputs that `ShipExampleGen` declares.

        TFX publishes the artifacts after this returns, so a run that is killed leaves nothing that is read.

        Raises:
            InputError: the input as a whole cannot be used.
            RuntimeError: not every listed image became an Example.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        report = artifact_utils.get_single_instance(output_dict["label_report"])
        labels = str(exec_properties["labels"])
        inputs = read_inputs(str(exec_properties["images"]), labels, str(exec_properties.get("scenes") or ""))
        if exec_properties.get("scenes"):
            logging.info(
                "ShipExampleGen: the scene table names %d of %d images",
                inputs.scenes.count_known(image.image_id for image in inputs.images),
                len(inputs.images),
            )
        settings = IngestionSettings.model_validate_json(str(exec_properties["settings"]))
        measure = Measure(labels, settings)
        scratch = posixpath.join(report.uri, "scratch")
        planned: StoredLists[PlannedImage] = StoredLists(scratch, "planned")
        known: StoredLists[Measured] = StoredLists(scratch, "measured")
        others: StoredLists[Issue] = StoredLists(scratch, "issues")
        order = record_order(inputs)
        groups = measure_by_beam(
            self._make_beam_pipeline,
            order,
            measure,
            known,
            stage=STAGE,
            find_overlaps=settings.find_overlaps,
        )
        issues = inputs.labels.issues_without_image({image.image_id for image in inputs.images})
        if groups is not None:
            _tell_overlaps(groups, inputs, report.uri)
            groups, contradictions = choose_originals(groups, order, known, inputs.labels)
            issues += contradictions
        images = plan(inputs, settings, groups)

        examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(examples, "tfrecords_gzip")

        pipeline = self._make_beam_pipeline()
        with running(STAGE, len(images), "images"), pipeline:
            ingest(
                pipeline,
                images,
                planned=planned,
                known=known,
                measure=measure,
                issues=others,
                issue_lists=others.write_all(issues),
                examples_uri=examples.uri,
                report_uri=report.uri,
            )

        tf.io.gfile.rmtree(scratch)
        written, undecodable = counted(pipeline.result)
        total = sum(written.values())
        if total != len(images):
            raise RuntimeError(
                f"{len(images)} images are listed but {total} Examples were written: {written}"
            )
        examples.set_int_custom_property(IMAGE_COUNT, total)
        counts = count_issues(posixpath.join(report.uri, LABEL_ISSUES_FILE))
        logging.info(
            "ShipExampleGen: %d images listed = %d Examples (%d decodable, %d undecodable); %s; "
            "label issues: %s",
            len(images),
            total,
            total - undecodable,
            undecodable,
            ", ".join(f"{split} {count}" for split, count in written.items()),
            ", ".join(f"{kind} {count}" for kind, count in counts.most_common()) or "none",
        )
        absent = [split for split, count in written.items() if not count]
        if absent:
            logging.warning(
                "ShipExampleGen: no image fell to %s; too few scenes for these ratios, "
                "or an unlucky split_seed",
                ", ".join(absent),
            )


def _tell_overlaps(groups: SceneGroups, inputs: Inputs, report_uri: str) -> None:
    """Says which images show the same ground, and what it means for the splits."""
    image_ids = [image.image_id for image in inputs.images]
    write_overlaps(groups, image_ids, posixpath.join(report_uri, OVERLAPS_FILE))
    logging.info("ShipExampleGen: %s", groups)
    leaks = leaking(groups.links, image_ids, inputs.scenes)
    if len(leaks):
        joined = {inputs.scenes.scene_of(image_ids[image]) for pair in leaks for image in pair.tolist()[:2]}
        logging.warning(
            "ShipExampleGen: %d pairs of images show the same ground although the scene table puts them "
            "into different scenes; each of these %d scenes gets the role of those that it overlaps "
            "(pairs in %s)",
            len(leaks),
            len(joined),
            OVERLAPS_FILE,
        )
