"""From an experiment's YAML file to the list of trials. Imports no TensorFlow."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.errors import SettingsError
from pipeline.settings import Settings, read_overrides, replaced_settings

EXPERIMENTS = Path(__file__).parent.parent / "experiments"

_TRAINERS = ("classifier", "segmenter")


class _Part(BaseModel):
    # `splits: [0, 1]` is meant as texts.
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class _Variant(_Part):
    label: str = Field(min_length=1)
    settings: dict[str, Any] = {}


class _File(_Part):
    about: str = ""
    profile: str = "default"
    settings: dict[str, Any] = {}
    seeds: tuple[int, ...] = ()
    splits: tuple[str, ...] = ()
    variants: tuple[_Variant, ...] = ()
    grid: dict[str, list[Any]] = {}


@dataclass(frozen=True)
class Trial:
    """One run of the pipeline: a variant under one seed and one split.

    Attributes:
        variant: label of the variant.
        seed: of both trainers.
        split: by which scenes were dealt to train, eval and test: the `ingestion.fold` if there are folds,
            else the `ingestion.split_seed`.
        settings: everything that the run needs to know.
    """

    variant: str
    seed: int
    split: str
    settings: Settings

    def __str__(self) -> str:
        return f"{self.variant} (seed {self.seed}, split {self.split})"


@dataclass(frozen=True)
class Plan:
    """What an experiment file asks for.

    Attributes:
        name: of the file, without its ending.
        about: what the experiment asks, in the file's words.
        trials: all variants under the first split and seed, then under the next.
    """

    name: str
    about: str
    trials: tuple[Trial, ...]

    @property
    def variants(self) -> tuple[str, ...]:
        """Labels in the order of the file."""
        return tuple(dict.fromkeys(trial.variant for trial in self.trials))


def experiment_names() -> list[str]:
    """Names of the experiments that come with the project."""
    return sorted(path.stem for path in EXPERIMENTS.glob("*.yaml"))


def read_plan(
    experiment: str,
    overrides: Iterable[str] = (),
    seeds: Sequence[int] = (),
    splits: Sequence[str] = (),
) -> Plan:
    """Read an experiment, all its settings validated.

    Args:
        experiment: name of an experiment that comes with the project, or path of a YAML file.
        overrides: texts such as "segmenter.steps=500", for what all variants have in common.
        seeds: instead of the file's, if there are any.
        splits: likewise.

    Raises:
        SettingsError: there is no such file, it is not of the expected form, or a variant has a wrong
            setting; the message names file, variant, setting and what was expected.
    """
    path = EXPERIMENTS / f"{experiment}.yaml"
    if not path.exists():
        path = Path(experiment)
    if path.suffix not in (".yaml", ".yml"):
        known = ", ".join(experiment_names())
        raise SettingsError(f"experiment {experiment}: expected one of {known}, or the path of a YAML file")
    file = _read(path)
    common = {**file.settings, **read_overrides(overrides)}
    file = file.model_copy(
        update={
            "settings": common,
            "seeds": tuple(seeds) or file.seeds,
            "splits": tuple(splits) or file.splits,
        }
    )
    variants = [*file.variants, *_grid_variants(file.grid)]
    if not variants:
        raise SettingsError(f"{path}: expected variants (a list of label and settings), a grid, or both")
    labels = [variant.label for variant in variants]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise SettingsError(f"{path}: two variants have the label {twice[0]!r}")
    trials = [
        _trial(path, file, variant, split, seed)
        for split in file.splits or (None,)
        for seed in file.seeds or (None,)
        for variant in variants
    ]
    return Plan(path.stem, file.about.strip(), tuple(trials))


def _read(path: Path) -> _File:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: not valid YAML: {str(error).replace(chr(10), ' ')}") from None
    try:
        return _File.model_validate(values)
    except ValidationError as error:
        told = [
            f"{path}: {'.'.join(map(str, problem['loc'])) or 'the file'}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        ]
        keys = f"keys: {', '.join(_File.model_fields)}; docs/experiments.md shows an example"
        raise SettingsError("\n".join([*told, keys])) from None


def _grid_variants(grid: dict[str, list[Any]]) -> list[_Variant]:
    if not grid:
        return []
    combinations = itertools.product(*grid.values())
    chosen = [dict(zip(grid, values, strict=True)) for values in combinations]
    return [_Variant(label=_grid_label(settings), settings=settings) for settings in chosen]


def _grid_label(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in settings.items())


def _trial(path: Path, file: _File, variant: _Variant, split: str | None, seed: int | None) -> Trial:
    replacements = {**file.settings}
    try:
        if split is not None:
            folded = replaced_settings(file.profile, replacements).ingestion.folds
            replacements["ingestion.fold" if folded else "ingestion.split_seed"] = split
        if seed is not None:
            replacements |= {f"{trainer}.seed": seed for trainer in _TRAINERS}
        # Last, so that a variant may be about a seed.
        settings = replaced_settings(file.profile, replacements | variant.settings)
    except SettingsError as error:
        raise SettingsError(f"{path}, variant {variant.label!r}: {error}") from None
    ingestion = settings.ingestion
    dealt = f"fold {ingestion.fold}" if ingestion.folds else ingestion.split_seed
    return Trial(variant.label, settings.segmenter.seed, dealt, settings)
