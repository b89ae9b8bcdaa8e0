"""The first task of a run: what each stage has to do, by the parameters of the run and the data as they are.

It takes the place of what does not run on open-source Kubeflow: TFX's drivers (`preCacheCheck`), which make
changed data miss the cache, and resolvers. It runs on the cluster, where the data can be read.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tfx.dsl.components.base import base_node

from components.errors import InputError, SettingsError
from components.ship_example_gen.inputs import check_inputs
from components.ship_example_gen.listing import data_fingerprint
from components.ship_example_gen.scenes import read_scenes
from kubeflow.names import APPROVAL, COMPILED_SETTINGS, IMAGES, LABELS, PROFILE, ROOT, SCENES, task_name
from pipeline.dag import DataSource
from pipeline.root import Root
from pipeline.rooted import rooted_pipeline
from pipeline.settings import Settings, load_settings, profile_names


def plan(parameters: Mapping[str, str], stages: Iterable[str]) -> dict[str, str]:
    """Execution properties of every stage, as JSON, by the names of the tasks.

    Args:
        parameters: of the run, see `kubeflow.names`, and the compiled settings.
        stages: tasks of the compiled pipeline.

    Raises:
        InputError: data or root cannot be used at all.
        SettingsError: the profile or the approval cannot be used, or not with these stages.
    """
    settings = _settings(parameters)
    images, labels, scenes = (parameters[name] for name in (IMAGES, LABELS, SCENES))
    root = Root(Path(parameters[ROOT]))
    _check_root(root)
    check_inputs(images, labels, scenes)
    fingerprint = data_fingerprint(images, labels, scenes)
    source = DataSource(images, labels, scenes, fingerprint, read_scenes(scenes).extra_columns)
    dag = rooted_pipeline(source, settings, root)
    planned = {task_name(stage.id): _properties(stage) for stage in dag.components}
    expected = set(stages)
    if changed := sorted(expected ^ set(planned)):
        raise SettingsError(
            f"the profile adds or removes {', '.join(changed)}, which is fixed when the pipeline is "
            "compiled: compile it with this profile (ships compile --profile ...)"
        )
    return planned


def _properties(stage: base_node.BaseNode) -> str:
    properties = {name: value for name, value in stage.exec_properties.items() if value is not None}
    return json.dumps(properties, sort_keys=True)


def _settings(parameters: Mapping[str, str]) -> Settings:
    compiled = Settings.model_validate_json(parameters[COMPILED_SETTINGS])
    profile, approval = parameters[PROFILE].strip(), parameters[APPROVAL].strip()
    overrides = [f"approval.mode={approval}"] if approval else []
    if not profile:
        return _from_text(compiled.model_dump_json(), overrides)
    if profile in profile_names():
        return load_settings(profile, overrides)
    if ":" not in profile:
        raise SettingsError(
            f"profile {profile!r}: expected one of {', '.join(profile_names())}, or the text of a profile"
        )
    return _from_text(profile, overrides)


def _from_text(text: str, overrides: list[str]) -> Settings:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "profile.yaml"
        file.write_text(text, encoding="utf-8")
        return load_settings(str(file), overrides)


def _check_root(root: Root) -> None:
    if not root.path.is_absolute() or not root.path.is_dir() or not os.access(root.path, os.W_OK):
        raise InputError(
            f"root {root.path}: expected a folder that can be written, on a volume that all tasks mount "
            "(setting kubeflow.volumes)"
        )
