"""ShipEvaluator: TFX's Evaluator with a baseline that may be missing, a verdict and a headline figure."""

import copy
import os
import posixpath
from collections.abc import Sequence
from fnmatch import fnmatchcase

from google.protobuf import json_format
from pydantic import TypeAdapter
from tfx import v1 as tfx
from tfx.components.evaluator import executor as tfx_evaluator
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import artifact_utils, channel, channel_utils, component_spec, standard_artifacts
from tfx.utils import json_utils

from components.baseline.model_store import holds_model
from components.code_digest import code_digest
from components.evaluation.config import eval_config
from components.evaluation.digests import subject_of
from components.evaluation.extractors import CUSTOM_EXTRACTORS, STAGE
from components.evaluation.names import (
    AUC,
    CASCADE,
    CLASSIFIER,
    DICE,
    HEADLINE_AUC,
    HEADLINE_DICE,
    HEADLINE_DICE_SHIPS,
    HEADLINE_IMAGES,
    HEADLINE_SEGMENTER_DICE_SHIPS,
    IMAGES,
    SEGMENTER,
    VERDICT,
)
from components.evaluation.results import read_evaluation
from components.evaluation.rules import check_slices, judge
from components.evaluation.settings import EvaluationSettings, RuleSettings
from components.evaluation.slices import Slice
from components.evaluation.subject import EVALUATION_DIGEST, MODEL_DIGEST
from components.evaluation.verdict import VERDICT_FILE, to_json
from components.examples import HAS_SHIP
from components.files import write_bytes
from components.progress import running
from components.tfrecords import read_records

_RULES = TypeAdapter(tuple[RuleSettings, ...])


class ShipEvaluatorSpec(component_spec.ComponentSpec):
    """Contract of the ShipEvaluator."""

    PARAMETERS = {  # noqa: RUF012 (declared so by TFX)
        "eval_config": component_spec.ExecutionParameter(type=str),
        "rules": component_spec.ExecutionParameter(type=str),
        "example_splits": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": component_spec.ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {  # noqa: RUF012
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }


class Executor(tfx_evaluator.Executor):
    """Evaluates and judges the candidate, against the baseline if there is one."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[tfx.dsl.Artifact]],
        output_dict: dict[str, list[tfx.dsl.Artifact]],
        exec_properties: dict[str, object],
    ) -> None:
        """See `tfx.components.evaluator.executor.Executor.Do`."""
        inputs = dict(input_dict)
        if not holds_model(artifact_utils.get_single_uri(inputs["baseline_model"])):
            # TFX evaluates the candidate alone when there is no such input.
            del inputs["baseline_model"]
        examples = artifact_utils.get_single_uri(inputs["examples"])
        splits = json_utils.loads(str(exec_properties["example_splits"]))
        total = sum(1 for split in splits for _ in read_records(examples, split))
        inputs["examples"], splits = in_one_stream(inputs["examples"], splits)
        properties = {
            **exec_properties,
            "custom_extractors": CUSTOM_EXTRACTORS,
            "example_splits": json_utils.dumps(splits),
        }
        with running(STAGE, total, "images"):
            super().Do(inputs, output_dict, properties)
        evaluation = artifact_utils.get_single_instance(output_dict["evaluation"])
        result = read_evaluation(evaluation.uri)
        verdict = judge(result, _RULES.validate_json(str(exec_properties["rules"])))
        write_bytes(posixpath.join(evaluation.uri, VERDICT_FILE), to_json(verdict))
        evaluation.set_string_custom_property(VERDICT, verdict.state)
        # What a later decision is held against: these very files, whoever may have changed them since.
        subject = subject_of(artifact_utils.get_single_uri(inputs["model"]), evaluation.uri)
        evaluation.set_string_custom_property(MODEL_DIGEST, subject.model)
        evaluation.set_string_custom_property(EVALUATION_DIGEST, subject.evaluation)
        for name, value in headline(result.candidate).items():
            evaluation.set_float_custom_property(name, value)


def in_one_stream(
    examples: list[tfx.dsl.Artifact], splits: Sequence[str]
) -> tuple[list[tfx.dsl.Artifact], list[str]]:
    """The same examples with one split, whose name is a pattern that the folders of all these splits match.

    TFX reads each split for itself and flattens them, at which the in-memory runner would hold every image.

    Args:
        examples: Examples artifacts.
        splits: names of splits that they have.

    Returns:
        Copies of the artifacts, and the one name; both as given if a pattern would match other splits, too.
    """
    pattern = os.path.commonprefix(splits) + "*"  # noqa: RUF071 (no paths)
    matched = {
        name
        for artifact in examples
        for name in artifact_utils.decode_split_names(artifact.split_names)
        if fnmatchcase(name, pattern)
    }
    if matched != set(splits):
        return examples, list(splits)
    copies = [copy.deepcopy(artifact) for artifact in examples]
    for artifact in copies:
        # Without TFX's check, to which a pattern is no name.
        artifact.split_names = json_utils.dumps([pattern])
    return copies, [pattern]


def headline(slices: list[Slice]) -> dict[str, float]:
    """The few figures by which runs are listed; those that the test splits cannot give are left out."""
    figures = {}
    for part in slices:
        if part.matches({}):
            figures[HEADLINE_DICE] = part.value(CASCADE, DICE)
            figures[HEADLINE_AUC] = part.value(CLASSIFIER, AUC)
            figures[HEADLINE_IMAGES] = part.value(CLASSIFIER, IMAGES)
        elif part.matches({HAS_SHIP: "1"}):
            figures[HEADLINE_DICE_SHIPS] = part.value(CASCADE, DICE)
            figures[HEADLINE_SEGMENTER_DICE_SHIPS] = part.value(SEGMENTER, DICE)
    return {name: value for name, value in figures.items() if value is not None}


class ShipEvaluator(base_beam_component.BaseBeamComponent):
    """Evaluates a detector with TFMA on the test splits and holds it against the rules.

    Outputs:
        evaluation: TFMA's results and `verdict.json`; headline figures, and digests of what was evaluated
            and of the results, stand in its custom properties.
    """

    SPEC_CLASS = ShipEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        *,
        examples: channel.BaseChannel,
        model: channel.BaseChannel,
        baseline_model: channel.BaseChannel,
        splits: list[str],
        columns: tuple[str, ...],
        settings: EvaluationSettings,
    ) -> None:
        """Wire the evaluator.

        Args:
            examples: screened Examples; only `splits` of them are read.
            model: the candidate, a detector with an `evaluate` signature.
            baseline_model: a Model artifact that may be empty, see `components.baseline`.
            splits: names of the test splits.
            columns: further columns of the scene table, carried by the Examples.
            settings: rules, intervals, slices.

        Raises:
            SettingsError: a rule is about a slice that is not measured.
        """
        config = eval_config(settings, columns)
        measured = [frozenset((*spec.feature_keys, *spec.feature_values)) for spec in config.slicing_specs]
        check_slices(settings.rules, measured)
        super().__init__(
            spec=ShipEvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                eval_config=json_format.MessageToJson(config, sort_keys=True, indent=None),
                rules=_RULES.dump_json(settings.rules).decode(),
                example_splits=json_utils.dumps(splits),
                # TFMA finds the metrics by name, no import leads to them.
                code_digest=code_digest("components.evaluation.component", "components.evaluation.metrics"),
                evaluation=channel_utils.as_channel([standard_artifacts.ModelEvaluation()]),
            )
        )
