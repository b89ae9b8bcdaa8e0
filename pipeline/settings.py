"""All settings of a run, typed and validated once, at the door. Imports no TensorFlow.

A run's settings are the defaults below, then a profile (a YAML file), then single `key=value` overrides.
"""

import difflib
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from components.approval_gate.settings import ApprovalSettings
from components.data_gate.settings import AcceptanceSettings
from components.errors import SettingsError
from components.evaluation.settings import EvaluationSettings
from components.image_screener.settings import ScreeningSettings
from components.infra_validator.settings import InfraValidationSettings
from components.review_report.settings import ReviewSettings
from components.ship_detector.settings import DetectorSettings
from components.ship_example_gen.settings import IngestionSettings
from components.ship_sampler.settings import SamplingSettings
from components.training.settings import ClassifierSettings, SegmenterSettings
from components.transform.settings import ContrastSettings
from pipeline.beam_settings import BeamSettings
from pipeline.kubeflow_settings import KubeflowSettings

PROFILES = Path(__file__).parent / "profiles"


class Settings(BaseModel):
    """Settings of the whole pipeline, one section a stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ingestion: IngestionSettings = Field(
        IngestionSettings(), description="Reading images and labels; splits."
    )
    screening: ScreeningSettings = Field(ScreeningSettings(), description="Quarantine of anomalous images.")
    acceptance: AcceptanceSettings = Field(
        AcceptanceSettings(), description="What the data set as a whole must be like to be trained on."
    )
    sampling: SamplingSettings = Field(SamplingSettings(), description="Which images train.")
    contrast: ContrastSettings = Field(
        ContrastSettings(), description="Contrast of every image, train and serve."
    )
    classifier: ClassifierSettings = Field(ClassifierSettings(), description="Ship / no-ship classifier.")
    segmenter: SegmenterSettings = Field(SegmenterSettings(), description="U-Net.")
    detector: DetectorSettings = Field(DetectorSettings(), description="Both networks as one model.")
    evaluation: EvaluationSettings = Field(EvaluationSettings(), description="What a model must reach.")
    review: ReviewSettings = Field(ReviewSettings(), description="The page about a judged model.")
    approval: ApprovalSettings = Field(ApprovalSettings(), description="Who lets a model be pushed.")
    infra_validation: InfraValidationSettings = Field(
        InfraValidationSettings(), description="The candidate in a server of its own, before it is pushed."
    )
    beam: BeamSettings = Field(BeamSettings(), description="Where the Beam stages run.")
    kubeflow: KubeflowSettings = Field(
        KubeflowSettings(),
        description="What `ships compile` writes for a cluster; read by no other.",
    )

    @model_validator(mode="after")
    def _classifier_sees_both_classes(self) -> "Settings":
        if self.sampling.strategy == "ships_only" and self.detector.cascade:
            raise ValueError(
                "sampling.strategy ships_only leaves no image without ships to train a classifier on; "
                "set detector.cascade=false or another strategy"
            )
        return self


def load_settings(profile: str = "default", overrides: Iterable[str] = ()) -> Settings:
    """Settings of a profile with single values replaced.

    Args:
        profile: name of a profile that comes with the project, or path of a YAML file.
        overrides: texts such as "segmenter.loss=focal_dice"; the value is read as YAML.

    Raises:
        SettingsError: naming each offending field, its value and what was expected.
    """
    return replaced_settings(profile, read_overrides(overrides))


def read_overrides(overrides: Iterable[str]) -> dict[str, Any]:
    """Values by dotted key, from texts such as "segmenter.loss=focal_dice"; the value is read as YAML.

    Raises:
        SettingsError: a text is not of this form.
    """
    replacements = {}
    for override in overrides:
        name, separator, text = override.partition("=")
        if not separator or not name.strip():
            raise SettingsError(f"--set {override}: expected key=value, such as segmenter.loss=focal_dice")
        replacements[name.strip()] = _parse(text, f"--set {override}")
    return replacements


def replaced_settings(profile: str, replacements: Mapping[str, object]) -> Settings:
    """Settings of a profile with values replaced by dotted key, such as {"segmenter.loss": "focal_dice"}.

    Raises:
        SettingsError: naming each offending field, its value and what was expected.
    """
    values = _read_profile(profile)
    for name, value in replacements.items():
        _replace(values, name, value)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = [_explain(problem) for problem in error.errors(include_url=False)]
        raise SettingsError("\n".join(problems)) from None


def profile_names() -> list[str]:
    """Names of the profiles that come with the project."""
    return sorted(path.stem for path in PROFILES.glob("*.yaml"))


def settings_as_yaml(settings: Settings) -> str:
    """Every setting with its meaning and what is allowed as comments: a profile to start one's own from."""
    lines = []
    for section, about in Settings.model_fields.items():
        part: BaseModel = getattr(settings, section)
        lines += ["", f"# {about.description}", f"{section}:"]
        for name, info in type(part).model_fields.items():
            text = f"{info.description} [{_expected(info)}]"
            lines += textwrap.wrap(text, width=98, initial_indent="  # ", subsequent_indent="  # ")
            value = part.model_dump(mode="json", include={name})
            lines += [f"  {line}" for line in yaml.safe_dump(value).splitlines()]
    return "\n".join(lines).lstrip("\n") + "\n"


def _read_profile(profile: str) -> dict[str, Any]:
    path = PROFILES / f"{profile}.yaml"
    if not path.exists():
        path = Path(profile)
    if path.suffix not in (".yaml", ".yml"):
        raise SettingsError(
            f"--profile {profile}: expected one of {', '.join(profile_names())}, or the path of a YAML file"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--profile {profile}: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"--profile {profile}: {path} is no text in UTF-8: {error}") from None
    values = _parse(text, str(path)) or {}
    if not isinstance(values, dict) or not all(isinstance(part, dict) for part in values.values()):
        raise SettingsError(
            f"{path}: expected sections ({', '.join(Settings.model_fields)}) with key: value lines"
        )
    return values


def _parse(text: str, source: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{source}: not valid YAML: {str(error).replace(chr(10), ' ')}") from None


def _replace(values: dict[str, Any], name: str, value: object) -> None:
    *sections, last = name.split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise SettingsError(f"{name}: {section} is a value, not a section")
    values[last] = value


def _explain(problem: Mapping[str, Any]) -> str:
    location = [str(part) for part in problem["loc"]]
    name = ".".join(location)
    if problem["type"] == "extra_forbidden":
        return f"{name}: there is no such setting{_suggestion(location)}; `ships settings` lists them all"
    if problem["type"] == "value_error":
        # Raised by our own validators, whose message says it all.
        return f"{name}: {problem['ctx']['error']}".removeprefix(": ")
    expected = _expected(_field(location)) or problem["msg"]
    if problem["type"] == "missing":
        return f"{name} is missing: expected {expected}"
    return f"{name} = {problem['input']!r}: expected {expected}"


def _known_names() -> list[str]:
    parts = {section: getattr(Settings(), section) for section in Settings.model_fields}
    return [f"{section}.{name}" for section, part in parts.items() for name in type(part).model_fields]


def _suggestion(location: list[str]) -> str:
    *parents, _ = location
    siblings = [".".join((*parents, name)) for name in _section(parents).model_fields] if parents else []
    known = [*_known_names(), *Settings.model_fields, *siblings]
    close = difflib.get_close_matches(".".join(location), known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _field(location: list[str]) -> FieldInfo | None:
    *parents, name = location
    return _section(parents).model_fields.get(name)


def _section(location: Iterable[str]) -> type[BaseModel]:
    """The model to which a path of names and positions in lists leads; without fields for anything else."""
    model: type[BaseModel] = Settings
    for name in location:
        if not name.isdigit():
            info = model.model_fields.get(name)
            kinds = (info.annotation, *get_args(info.annotation)) if info else ()
            sections = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
            model = next(sections, BaseModel)
    return model


def _expected(info: FieldInfo | None) -> str:
    """What a field accepts, such as "integer >= 1" or "one of bce, dice_bce"."""
    if info is None:
        return ""
    kind = info.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "a section with key: value lines"
    names = {bool: "true or false", int: "integer", float: "number", str: "text"}
    choices = [choice for choice in get_args(kind) if choice is not NoneType]
    if kind in names:
        text = names[kind]  # type: ignore[index]
    elif len(choices) == 1 and choices[0] in names:
        text = f"{names[choices[0]]} or null"
    elif get_origin(kind) is dict:
        values = get_args(choices[1])
        text = f"{{name: one of {', '.join(values)}}}" if values else "{name: value}"
    elif choices and all(isinstance(choice, str) for choice in choices):
        text = f"one of {', '.join(choices)}"
    else:
        text = "a list"
    bounds = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "a multiple of"}
    for bound in info.metadata:
        for attribute, sign in bounds.items():
            if getattr(bound, attribute, None) is not None:
                text += f", {sign} {getattr(bound, attribute)}"
    return text
