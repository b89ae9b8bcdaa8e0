"""Names in a compiled pipeline, as the compiler writes and the tasks read them. Imports nothing heavy."""

import re
from typing import NamedTuple

# The task that turns the parameters of a run into the properties of every other one.
PLAN = "plan"
# Parameter of a stage's task: its TFX execution properties as JSON, from the plan.
PROPERTIES = "properties"
# Parameter of the plan: the settings with which the pipeline was compiled, as JSON.
COMPILED_SETTINGS = "compiled_settings"


class RunParameter(NamedTuple):
    """A parameter that is given when a run is created.

    Attributes:
        name: as in the API and in the form of the UI.
        default: None if it must be given.
        description: shown in the UI.
    """

    name: str
    default: str | None
    description: str


IMAGES, LABELS, SCENES, PROFILE, APPROVAL, ROOT = "images", "labels", "scenes", "profile", "approval", "root"


def run_parameters(root: str) -> tuple[RunParameter, ...]:
    """The parameters of a run.

    Args:
        root: default of the folder with pushed models and approvals.
    """
    return (
        RunParameter(IMAGES, None, "Folder of the images: on a mounted volume, s3:// or gs://."),
        RunParameter(LABELS, None, "CSV with ImageId,EncodedPixels."),
        RunParameter(SCENES, "", "CSV with ImageId,SceneId and further columns; empty: none."),
        RunParameter(
            PROFILE,
            "",
            "Name of a profile in the image, or the text of one (YAML); empty: the settings compiled in. "
            "What Kubernetes gives the tasks stays as it was compiled.",
        ),
        RunParameter(APPROVAL, "", "automatic or manual; empty: as the settings say."),
        RunParameter(ROOT, root, "Folder on a mounted volume for pushed models, approvals and decisions."),
    )


def task_name(stage: str) -> str:
    """Name of the task of a stage, fit for Argo and Kubernetes: ship-example-gen of ShipExampleGen."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", stage).lower()


def component_name(task: str) -> str:
    """Name of a task's component; `kfp.local` takes the prefix for granted."""
    return f"comp-{task}"


def executor_name(task: str) -> str:
    """Label of a task's executor, by which the platform spec finds it."""
    return f"exec-{task}"
