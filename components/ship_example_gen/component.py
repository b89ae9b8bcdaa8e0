"""ShipExampleGen component: images and label tables become Examples."""

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import artifact, channel_utils, component_spec, standard_artifacts

from components.code_digest import code_digest
from components.ship_example_gen.executor import Executor
from components.ship_example_gen.settings import IngestionSettings


class LabelReport(artifact.Artifact):
    """Folder with two tables about the input.

    `label_issues.csv`: file,line,image_id,reason,action, one line per issue.
    `overlaps.csv`: image_id,other_image_id,kind,shift_rows,shift_columns, one line per pair of images that
    show the same ground; not there if nobody looked.
    """

    TYPE_NAME = "LabelReport"


class ShipExampleGenSpec(component_spec.ComponentSpec):
    """Contract of ShipExampleGen."""

    PARAMETERS = {  # noqa: RUF012 - declared so by TFX
        "images": component_spec.ExecutionParameter(type=str),
        "labels": component_spec.ExecutionParameter(type=str),
        "scenes": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
        "data_fingerprint": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}  # noqa: RUF012
    OUTPUTS = {  # noqa: RUF012
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "label_report": component_spec.ChannelParameter(type=LabelReport),
    }


class ShipExampleGen(base_beam_component.BaseBeamComponent):
    """Reads a folder of images and their run-length labels; one Example per image, broken ones included.

    Example:
        example_gen = ShipExampleGen(images="train_v2", labels="train_ship_segmentations_v2.csv")

    Outputs:
        examples: Examples with the splits of `components.examples.SPLITS`, each there even if empty.
        label_report: what was found wrong in the label table, and what was done about it.
    """

    SPEC_CLASS = ShipExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        images: str,
        labels: str,
        scenes: str = "",
        settings: IngestionSettings | None = None,
        data_fingerprint: str = "",
    ) -> None:
        """Wire the ingestion.

        Args:
            images: folder of the images; local or on any filesystem that Beam knows, like the tables.
            labels: CSV with `ImageId,EncodedPixels`.
            scenes: CSV with `ImageId,SceneId` and further slicing columns; "" for none.
            settings: ratios and seed of the splits; the defaults if None.
            data_fingerprint: `listing.data_fingerprint` of the three; changed data then misses the cache.
        """
        super().__init__(
            spec=ShipExampleGenSpec(
                images=images,
                labels=labels,
                scenes=scenes,
                settings=(settings or IngestionSettings()).model_dump_json(),
                data_fingerprint=data_fingerprint,
                code_digest=code_digest("components.ship_example_gen.executor"),
                examples=channel_utils.as_channel([standard_artifacts.Examples()]),
                label_report=channel_utils.as_channel([LabelReport()]),
            )
        )
