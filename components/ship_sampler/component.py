"""ShipSampler component: copies the drawn images of the train and eval splits."""

import csv
import io
import posixpath

import apache_beam as beam
import tensorflow as tf
from absl import logging
from apache_beam.io.filesystems import FileSystems
from tfx import v1 as tfx
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, channel, channel_utils, component_spec, standard_artifacts

from components.code_digest import code_digest
from components.examples import ENCODED_PIXELS, IMAGE_ID, SHIP_GROUP, SPLITS
from components.ship_sampler.sampling import Candidate, GroupCount, Sample, sample_images
from components.ship_sampler.settings import SamplingSettings
from components.tfrecords import ReadSplits, WriteSplits

SAMPLE_CSV = "sample.csv"
# The test splits are Evaluator's alone, and it reads them unsampled.
SAMPLED_SPLITS = tuple(split for split in SPLITS if not split.startswith("test"))


class ShipSamplerSpec(component_spec.ComponentSpec):
    """Contract of the ShipSampler."""

    PARAMETERS = {  # noqa: RUF012 (declared so by TFX)
        "settings": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {  # noqa: RUF012
        "sampled_examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }


class Executor(base_beam_executor.BaseBeamExecutor):
    """Draws by a first look at ids and groups alone, then copies what was drawn."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[tfx.dsl.Artifact]],
        output_dict: dict[str, list[tfx.dsl.Artifact]],
        exec_properties: dict[str, object],
    ) -> None:
        """Input `examples` with all splits, output `sampled_examples` with the train and eval splits."""
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        sampled = artifact_utils.get_single_instance(output_dict["sampled_examples"])
        sampled.split_names = artifact_utils.encode_split_names(list(SAMPLED_SPLITS))
        examples_utils.set_payload_format(sampled, example_gen_pb2.FORMAT_TF_EXAMPLE)
        settings = SamplingSettings.model_validate_json(str(exec_properties["settings"]))
        with self._make_beam_pipeline() as pipeline:
            sample = (
                pipeline
                | "Look" >> ReadSplits(examples.uri, SAMPLED_SPLITS)
                | "Describe" >> beam.MapTuple(_candidate)
                | beam.combiners.ToList()
                | "Sample" >> beam.Map(_draw, settings=settings)
            )
            _ = sample | "WriteCounts" >> beam.Map(_write_counts, posixpath.join(sampled.uri, SAMPLE_CSV))
            drawn = (
                # Read anew: the in-memory runner would hold every image until the sample is drawn.
                pipeline
                | "Read" >> ReadSplits(examples.uri, SAMPLED_SPLITS)
                | "Keep" >> beam.Filter(_is_drawn, beam.pvalue.AsSingleton(sample))
            )
            if settings.rows_mistake:
                drawn |= "LoseMasks" >> beam.Map(_with_drawn_rows, beam.pvalue.AsSingleton(sample))
            _ = drawn | WriteSplits(dict.fromkeys(SAMPLED_SPLITS, sampled.uri))


def _candidate(split: str, record: bytes) -> Candidate:
    feature = tf.train.Example.FromString(record).features.feature
    return Candidate(
        feature[IMAGE_ID].bytes_list.value[0].decode(),
        split,
        feature[SHIP_GROUP].bytes_list.value[0].decode(),
        max(1, len(feature[ENCODED_PIXELS].bytes_list.value)),
    )


def _draw(candidates: list[Candidate], settings: SamplingSettings) -> Sample:
    sample = sample_images(candidates, settings)
    logging.info("ShipSampler (%s): %s", settings.strategy, sample.summary())
    return sample


def _write_counts(sample: Sample, path: str) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow((*GroupCount._fields, "shortfall"))
    table.writerows((*count, count.shortfall) for count in sample.counts)
    with FileSystems.create(path, mime_type="text/csv") as file:
        file.write(text.getvalue().encode())


def _is_drawn(item: tuple[str, bytes], sample: Sample) -> bool:
    _, record = item
    image_id = tf.train.Example.FromString(record).features.feature[IMAGE_ID].bytes_list.value[0].decode()
    return image_id in sample.image_ids


def _with_drawn_rows(item: tuple[str, bytes], sample: Sample) -> tuple[str, bytes]:
    """A record that trains with the masks of the drawn rows only; all its counts stay those of the table."""
    split, record = item
    if split != "train_ships":
        return split, record
    example = tf.train.Example.FromString(record)
    feature = example.features.feature
    image_id = feature[IMAGE_ID].bytes_list.value[0].decode()
    masks = feature[ENCODED_PIXELS].bytes_list
    masks.value[:] = [masks.value[row] for row in (sample.rows or {})[image_id]]
    return split, example.SerializeToString(deterministic=True)


class ShipSampler(base_beam_component.BaseBeamComponent):
    """Draws the images that train, by image and ship group.

    Outputs:
        sampled_examples: Examples with the train and eval splits, records as they were (but for
            `rows_mistake`); beside them `sample.csv`: role, group, available, wanted ("" for all), drawn,
            shortfall.
    """

    SPEC_CLASS = ShipSamplerSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, examples: channel.BaseChannel, settings: SamplingSettings) -> None:
        """Wire the sampler.

        Args:
            examples: screened Examples with the splits of `components.examples.SPLITS`.
            settings: strategy, sizes, seed.
        """
        super().__init__(
            spec=ShipSamplerSpec(
                examples=examples,
                settings=settings.model_dump_json(),
                code_digest=code_digest("components.ship_sampler.component"),
                sampled_examples=channel_utils.as_channel([standard_artifacts.Examples()]),
            )
        )
