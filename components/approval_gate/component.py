"""ApprovalGate component: emits the blessing that Pusher obeys."""

import posixpath

from absl import logging
from tfx import v1 as tfx
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, channel, channel_utils, component_spec, standard_artifacts

from components.approval_gate import decision as decisions
from components.approval_gate.approvals import Record, parse_approvals
from components.approval_gate.decision import Decision, Mode, decide, decisive, to_json
from components.approval_gate.digests import version_of
from components.approval_gate.settings import ApprovalSettings
from components.code_digest import code_digest
from components.errors import InputError
from components.evaluation.digests import subject_of
from components.evaluation.subject import EVALUATION_DIGEST, MODEL_DIGEST, Subject
from components.evaluation.verdict import VERDICT_FILE, from_json
from components.files import read_bytes, write_bytes
from components.review_report.artifact import ModelReview
from components.review_report.marks import marked
from components.review_report.settings import CARD_FILE, PAGE_FILE


class Executor(base_executor.BaseExecutor):
    """Weighs the verdict and the table of approvals."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[tfx.dsl.Artifact]],
        output_dict: dict[str, list[tfx.dsl.Artifact]],
        exec_properties: dict[str, object],
    ) -> None:
        """Inputs `model`, `evaluation` and `review`, output `blessing`; see the component."""
        evaluation = artifact_utils.get_single_instance(input_dict["evaluation"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        subject = subject_of(artifact_utils.get_single_uri(input_dict["model"]), evaluation.uri)
        evaluated = Subject(
            *(evaluation.get_string_custom_property(name) for name in (MODEL_DIGEST, EVALUATION_DIGEST))
        )
        verdict = from_json(read_bytes(posixpath.join(evaluation.uri, VERDICT_FILE)))
        mode: Mode = ApprovalSettings.model_validate({"mode": exec_properties["mode"]}).mode
        records: tuple[Record, ...] = ()
        try:
            records = _records(str(exec_properties["approvals"]))
            version = version_of(subject.model, str(exec_properties["store"]))
            decision = decide(records, subject, verdict, mode, version=version, evaluated=evaluated)
        except InputError as error:
            # Nobody can tell what was decided, so nothing is pushed; the run itself is whole.
            decision = Decision("refused", f"table of approvals, {error}", subject, verdict=verdict.state)
        write_bytes(posixpath.join(blessing.uri, decisions.DECISION_FILE), to_json(decision))
        if record := decisive(records, subject):
            _mark(artifact_utils.get_single_uri(input_dict["review"]), blessing.uri, record)
        blessed = decision.outcome == "push"
        # Named as TFX's Evaluator does.
        write_bytes(posixpath.join(blessing.uri, "BLESSED" if blessed else "NOT_BLESSED"), b"")
        blessing.set_int_custom_property("blessed", int(blessed))
        for name, value in (
            (decisions.OUTCOME, decision.outcome),
            (MODEL_DIGEST, subject.model),
            (EVALUATION_DIGEST, subject.evaluation),
            (decisions.VERSION, decision.version),
        ):
            blessing.set_string_custom_property(name, value)
        logging.info("ApprovalGate: %s: %s", decision.outcome, decision.reason)


def _mark(review: str, folder: str, record: Record) -> None:
    """Copies of page and model card that tell the decision; those of another stage are left alone."""
    for name in (PAGE_FILE, CARD_FILE):
        if tfx.dsl.io.fileio.exists(file := posixpath.join(review, name)):
            text = read_bytes(file).decode()
            write_bytes(posixpath.join(folder, name), marked(name, text, record).encode())


def _records(path: str) -> tuple[Record, ...]:
    if not path or not tfx.dsl.io.fileio.exists(path):
        return ()
    return parse_approvals(read_bytes(path).decode(errors="replace"))


class ApprovalGateSpec(component_spec.ComponentSpec):
    """Contract of the ApprovalGate."""

    PARAMETERS = {  # noqa: RUF012 (declared so by TFX)
        "approvals": component_spec.ExecutionParameter(type=str),
        "mode": component_spec.ExecutionParameter(type=str),
        "store": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "review": component_spec.ChannelParameter(type=ModelReview),
    }
    OUTPUTS = {  # noqa: RUF012
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class ApprovalGate(base_component.BaseComponent):
    """Blesses a candidate that passes the rules and, unless that is automatic, was approved by a person.

    An approval holds for exactly one model and one evaluation, by the contents of their files. Where these
    are no longer what the evaluator saw and wrote, nothing is blessed, whatever verdict or people say. All
    of this can change between runs under the same paths, so the gate is never to be taken from the cache.

    Outputs:
        blessing: property `blessed`, and `decision.json` with the reason; once a person has decided, also the
            review page and the model card with that decision in them.
    """

    SPEC_CLASS = ApprovalGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        model: channel.BaseChannel,
        evaluation: channel.BaseChannel,
        review: channel.BaseChannel,
        approvals: str,
        store: str,
        settings: ApprovalSettings,
    ) -> None:
        """Wire the gate.

        Args:
            model: the candidate.
            evaluation: ShipEvaluator's, with the verdict.
            review: ReviewReport's. What the gate waits for is a person, who needs the page.
            approvals: the table of approvals, see `components.approval_gate.approvals`; "" for none, and a
                file that is not there yet holds none.
            store: the folder into which Pusher pushes; a model that it holds is not pushed again.
            settings: whether a person must approve.
        """
        super().__init__(
            spec=ApprovalGateSpec(
                model=model,
                evaluation=evaluation,
                review=review,
                approvals=approvals,
                mode=settings.mode,
                store=store,
                code_digest=code_digest(__name__),
                blessing=channel_utils.as_channel([standard_artifacts.ModelBlessing()]),
            )
        )
