"""Transform's records, which the trainers read, of given or generated images."""

import argparse
import os
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.data_stages import run_apart

_STAGES = ("ShipExampleGen", "ImageScreener", "ShipSampler", "Transform")


class Prepared(NamedTuple):
    """Patterns of record files, as TFX hands them to a trainer."""

    train: list[str]
    eval: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that `prepare` takes."""
    parser.add_argument(
        "--records",
        type=Path,
        help="an artifact of Transform, such as artifacts/Transform/transformed_examples/9",
    )
    parser.add_argument("--images", type=Path, help="folder of images; without it generated ones")
    parser.add_argument("--labels", type=Path, help="their label table")
    parser.add_argument("--scenes", type=Path, help="their table of scenes, if there is one")
    parser.add_argument(
        "--generated", type=int, default=28, help="scenes to generate, 5 images each; default 28"
    )


def prepare(arguments: argparse.Namespace, folder: Path) -> Prepared:
    """The records of a run, or those that the stages before the trainers make with the default settings.

    The stages run in a process of their own.

    Args:
        arguments: of a parser with the options of `add_arguments`.
        folder: where images are generated and artifacts written.

    Raises:
        SystemExit: images without labels, a stage failed, or there are no records to train on.
    """
    examples = arguments.records or _transformed(arguments, folder)
    patterns = {
        kind: [str(split / "*") for split in sorted(examples.resolve().glob(f"Split-{kind}_*"))]
        for kind in ("train", "eval")
    }
    if not patterns["train"]:
        sys.exit(f"{examples}: no Split-train_* in it")
    return Prepared(**patterns)


def _transformed(arguments: argparse.Namespace, folder: Path) -> Path:
    images, labels, scenes = arguments.images, arguments.labels, arguments.scenes
    if bool(images) != bool(labels):
        sys.exit("--images and --labels are given together, or neither")
    if not images:
        from pipeline.demo.dataset import generate

        made = generate(folder / "generated", scenes=arguments.generated, faults=False)
        images, labels, scenes = made.images, made.labels, made.scenes
    root, cores = folder / "root", len(os.sched_getaffinity(0))
    run_apart(images.resolve(), labels.resolve(), scenes, root=root, cores=cores, stages=_STAGES)
    (examples,) = (root / "artifacts" / "Transform" / "transformed_examples").iterdir()
    return examples
