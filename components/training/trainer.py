"""What both trainers do around their own images and losses."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import keras

from components.training.candidate import checkpoint_of, save_candidate
from components.training.crops import FromStep
from components.training.devices import training_devices
from components.training.fitting import Evaluate, fit
from components.training.networks.origin import weights_origin
from components.training.settings import ScheduleSettings

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs

_SettingsT = TypeVar("_SettingsT", bound=ScheduleSettings)


def train(
    stage: str,
    fn_args: "FnArgs",
    settings: _SettingsT,
    *,
    build: Callable[[_SettingsT], keras.Model],
    loss: Callable[[Any, Any], Any],
    data: Callable[[], tuple[FromStep, Evaluate]],
) -> None:
    """Train a network on the devices that there are and write it to `fn_args.serving_model_dir`.

    Args:
        stage: name for progress and messages.
        fn_args: of TFX's Trainer.
        settings: of this trainer.
        build: the network, untrained.
        loss: of targets and logits.
        data: called once the network is built, so that wrong weights are told at once: from any step on,
            endless batches of (images, targets), and how to judge the network on the eval split.

    Raises:
        TrainingError: there is nothing to train on or to score with, or training has diverged.
    """
    keras.utils.set_random_seed(settings.seed)
    with training_devices(stage, settings):
        checkpoint = checkpoint_of(fn_args, stage)
        model = build(settings)
        batches, evaluate = data()
        epochs = fit(
            stage,
            model,
            batches,
            loss=loss,
            evaluate=evaluate,
            settings=settings,
            checkpoint=checkpoint,
            log_dir=fn_args.model_run_dir,
        )
    # Anew: in single precision and for any device, whatever it was trained in and on.
    trained = build(settings)
    trained.set_weights(model.get_weights())
    save_candidate(trained, epochs, settings, fn_args.serving_model_dir, weights_origin(settings))
    checkpoint.remove()
