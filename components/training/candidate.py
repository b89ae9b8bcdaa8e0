"""What a trainer reads from TFX and leaves behind: settings in, `model.keras` and `history.json` out."""

import json
import posixpath
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import keras
import tensorflow as tf
from pydantic import ValidationError

from components.errors import SettingsError
from components.training.checkpoint import Checkpoint
from components.training.fitting import EpochFigures
from components.training.settings import ScheduleSettings

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs

MODEL_FILE = "model.keras"
HISTORY_FILE = "history.json"

_SettingsT = TypeVar("_SettingsT", bound=ScheduleSettings)


def settings_of(fn_args: "FnArgs", kind: type[_SettingsT]) -> _SettingsT:
    """Settings that the pipeline put into the Trainer's custom_config.

    Raises:
        SettingsError: they do not fit.
    """
    try:
        return kind.model_validate((fn_args.custom_config or {}).get("settings", {}))
    except ValidationError as error:
        raise SettingsError(f"settings of the trainer: {error}") from error


def checkpoint_of(fn_args: "FnArgs", stage: str) -> Checkpoint:
    """Where this training keeps its state: under custom_config's `checkpoints`, else beside its curves.

    The former outlives an execution. What comes from the cache keeps its place, so that the next run of the
    same settings on the same examples finds it. To be called where the precision is in force: that of `auto`
    depends on the machine, and an optimizer of another one has other variables.
    """
    config = dict(fn_args.custom_config or {})
    folder = config.pop("checkpoints", "") or fn_args.model_run_dir
    precision = keras.config.dtype_policy().name
    return Checkpoint(folder, stage, [config, fn_args.train_files, fn_args.eval_files, precision])


def save_candidate(
    model: keras.Model,
    epochs: list[EpochFigures],
    settings: ScheduleSettings,
    folder: str,
    weights: dict[str, str] | None = None,
) -> None:
    """Write `model.keras` and `history.json` into `folder`.

    The model should never have been compiled: Adam's moments would make the file three times as large.

    The history is `{"settings": {...}, "parameters": number of weights, "weights": {where the pretrained ones
    come from}, "epochs": [{...}]}`.
    `folder` may be on any filesystem that TensorFlow can write.
    """
    history: dict[str, Any] = {
        "settings": settings.model_dump(mode="json"),
        "parameters": model.count_params(),
        "weights": weights or {},
        "epochs": epochs,
    }
    tf.io.gfile.makedirs(folder)
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / MODEL_FILE
        model.save(local)
        tf.io.gfile.copy(str(local), posixpath.join(folder, MODEL_FILE), overwrite=True)
    with tf.io.gfile.GFile(posixpath.join(folder, HISTORY_FILE), "w") as file:
        file.write(json.dumps(history, indent=1))
