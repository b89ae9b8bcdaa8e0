"""What is kept of a trial, and when it counts as done. Imports no TensorFlow."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from components.code_digest import code_digest
from components.evaluation.slices import Figure
from pipeline.experiment.plan import Trial

DICE_SHIPS, DICE_ALL, EXACTLY_EMPTY, AUC = "dice, ships", "dice, all", "exactly empty", "AUC"

# Where each stage of the pipeline begins: an edited stage makes every trial be run again, and the cache then
# spares it the stages before.
_STAGES = (
    "components.ship_example_gen.component",
    "components.image_screener.component",
    "components.data_gate.component",
    "components.ship_sampler.component",
    "components.transform.preprocessing",
    "components.training.classifier",
    "components.training.segmenter",
    "components.ship_detector.component",
    "components.evaluation.component",
)


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        run_id: run of the pipeline, "" if it did not come so far.
        cause: why it failed, "" if it did not.
        seconds: what the trial took, stages from the cache included.
        figures: on the test splits, each 0-1: mean dice of the cascade on images with ships and on all, share
            of the images without ships that were predicted exactly empty, the classifier's ROC AUC; then
            dice on images with ships by value of the scene table's further columns.
        test_images: number of test images.
        training_s: time of both trainers together, as they measured it when they ran.
        parameters: weights of both networks together.
    """

    run_id: str = ""
    cause: str = ""
    seconds: float = 0.0
    figures: dict[str, Figure] = field(default_factory=dict)
    test_images: int = 0
    training_s: float = 0.0
    parameters: int = 0


_JSON = TypeAdapter(Outcome)


class Outcomes:
    """The outcomes of an experiment, one file each, so that a killed experiment loses one trial at most."""

    def __init__(self, folder: Path, data_fingerprint: str) -> None:
        """Open the folder, which need not exist.

        Args:
            folder: where the files lie.
            data_fingerprint: of the images and tables; outcomes on other data are not found.
        """
        self._folder = folder
        self._data = data_fingerprint
        self._code = code_digest(*_STAGES)

    def find(self, trial: Trial) -> Outcome | None:
        """The outcome of a trial with these settings on these data by this code; None before there is one."""
        try:
            return _JSON.validate_json(self._file(trial).read_bytes())
        except (FileNotFoundError, ValidationError):
            # A file that an older version wrote otherwise is one that is not there.
            return None

    def keep(self, trial: Trial, outcome: Outcome) -> None:
        """Write an outcome, whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._file(trial)
        draft = file.with_suffix(".tmp")
        draft.write_bytes(_JSON.dump_json(outcome, indent=1))
        draft.replace(file)

    def _file(self, trial: Trial) -> Path:
        key = "\n".join((trial.settings.model_dump_json(), self._data, self._code))
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
