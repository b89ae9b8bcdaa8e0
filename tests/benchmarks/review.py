"""Evaluation, draw and review page by number of test images: seconds and peak memory.

    python -m benchmarks.review --sizes 2000 20000 200000
    python -m benchmarks.review --sizes 200000 --stages draw

The images are small (96 x 96 px) and the networks are one convolution, so that what is measured is the work
around them: reading, counting ships, TFMA's metrics by slice, drawing images, the page. A pushed model stands
beside the candidate. Each stage is a process of its own; its memory includes the libraries.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from benchmarks.report import Row, save, show

_EDGE_PX = 96
_SPLITS = ("test_ships", "test_empty")
_COLUMN, _SOURCES = "Source", 5
_STAGES = ("evaluate", "draw", "page")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Times evaluation and review, and watches their memory.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000], help="numbers of test images")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    parser.add_argument(
        "--stages", nargs="+", choices=_STAGES, default=_STAGES, help="the page needs an evaluation"
    )
    parser.add_argument("--run", choices=_STAGES, help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if arguments.run:
        print(json.dumps(_run(arguments.run, arguments.folder)))
        return
    rows: list[Row] = []
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory(prefix="ships-bench-", dir=arguments.folder) as folder:
            prepare(Path(folder), size)
            rows += [
                {"images": size, "stage": stage, **_measured(stage, Path(folder))}
                for stage in arguments.stages
            ]
    show("Evaluation and review, candidate beside pushed model", rows)
    save(arguments.output, {"review": rows})


def prepare(folder: Path, size: int) -> None:
    """Test splits of `size` images, and two detectors that differ in their threshold."""
    import tensorflow as tf
    from brightness_networks import classifier, segmenter

    from components.record_files import split_folder
    from components.ship_detector.detector import ShipDetector
    from components.ship_detector.export import THRESHOLDS_FILE, export
    from components.ship_detector.settings import DetectorSettings
    from components.transform.settings import ContrastSettings

    writers = {}
    for split in _SPLITS:
        place = Path(split_folder(str(folder / "examples"), split))
        place.mkdir(parents=True)
        writers[split] = tf.io.TFRecordWriter(str(place / "data_tfrecord-00000-of-00001.gz"), "GZIP")
    for split, record in islice(_records(), size):
        writers[split].write(record)
    for writer in writers.values():
        writer.close()
    (folder / "statistics").mkdir()
    for name, threshold in (("candidate", 0.5), ("baseline", 0.9)):
        settings = DetectorSettings(tile_px=256, overlap_px=32, mask_threshold=threshold)
        detector = ShipDetector(classifier(), segmenter(), ContrastSettings(), settings)
        model = folder / name
        export(detector, {"thresholds": {}}, str(folder / "statistics"), str(model / "Format-Serving"))
        (model / THRESHOLDS_FILE).write_text('{"thresholds": {}}', encoding="utf-8")


def _records() -> Iterator[tuple[str, bytes]]:
    """Split and Example of endless images, nine of ten without ships, the others with up to fourteen."""
    import numpy as np
    import tensorflow as tf
    from brightness_networks import encoded, example, scene

    from components.examples import HAS_SHIP, IMAGE_ID, SHIP_GROUP, ship_group, split_name

    random = np.random.default_rng(0)
    kinds = []
    for ships in range(15):
        boxes = [(6 + 18 * (ship // 5), 4 + 18 * (ship % 5), 8, 10) for ship in range(ships)]
        labels = []
        for top, left, height, width in boxes:
            # A little off, so that scores differ.
            mask = np.zeros((_EDGE_PX, _EDGE_PX), np.uint8)
            mask[top : top + height, left : left + width - ships % 4] = 1
            labels.append(mask)
        image = encoded(scene(_EDGE_PX, _EDGE_PX, *boxes), ".jpg")
        kinds.append(example(image, labels, **{SHIP_GROUP: ship_group(ships).encode()}))
    number = 0
    while True:
        ships = int(random.integers(1, 15)) if number % 10 == 0 else 0
        record = tf.train.Example.FromString(kinds[ships])
        features = record.features.feature
        features[IMAGE_ID].bytes_list.value.append(f"{number:07}.jpg".encode())
        features[_COLUMN].bytes_list.value.append(f"place {random.integers(_SOURCES)}".encode())
        features[HAS_SHIP].int64_list.value.append(int(ships > 0))
        yield split_name("test", ships), record.SerializeToString()
        number += 1


def _measured(stage: str, folder: Path) -> dict[str, float | int]:
    command = [sys.executable, "-m", "benchmarks.review", "--run", stage, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stderr}\nbenchmarks.review --run {stage} failed")
    figures: dict[str, float | int] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _run(stage: str, folder: Path) -> dict[str, float | int]:
    work = {"evaluate": _evaluate, "draw": _draw, "page": _page}[stage]
    started, cpu_started = time.perf_counter(), time.process_time()
    made = work(folder)
    return {
        "s": time.perf_counter() - started,
        "CPU s": time.process_time() - cpu_started,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "drawn": 0,
        "page MB": 0.0,
        **made,
    }


def _evaluate(folder: Path) -> dict[str, float | int]:
    from google.protobuf import json_format
    from tfx.types import standard_artifacts
    from tfx.utils import json_utils

    from components.evaluation.component import Executor
    from components.evaluation.config import eval_config
    from components.evaluation.settings import EvaluationSettings
    from pipeline.beam import beam_in_this_process

    settings = EvaluationSettings()
    examples, evaluation = standard_artifacts.Examples(), standard_artifacts.ModelEvaluation()
    examples.uri, evaluation.uri = str(folder / "examples"), str(folder / "evaluation")
    examples.split_names = json_utils.dumps(list(_SPLITS))
    inputs = {"examples": [examples]}
    for name, key in (("candidate", "model"), ("baseline", "baseline_model")):
        model = standard_artifacts.Model()
        model.uri, model.id = str(folder / name), 1
        inputs[key] = [model]
    properties = {
        "eval_config": json_format.MessageToJson(eval_config(settings, (_COLUMN,))),
        "rules": json.dumps(settings.model_dump(mode="json")["rules"]),
        "example_splits": json_utils.dumps(list(_SPLITS)),
    }
    with beam_in_this_process():
        Executor().Do(inputs, {"evaluation": [evaluation]}, properties)
    return {}


def _draw(folder: Path) -> dict[str, float | int]:
    from components.review_report.sample import draw
    from components.review_report.settings import ReviewSettings

    sample = draw(str(folder / "examples"), _SPLITS, [_COLUMN], ReviewSettings().images)
    return {"drawn": len(sample.images)}


def _page(folder: Path) -> dict[str, float | int]:
    from components.review_report.page import Origin, render
    from components.review_report.review import Sources, review
    from components.review_report.settings import ReviewSettings

    sources = Sources(
        examples=str(folder / "examples"),
        model=str(folder / "candidate"),
        evaluation=str(folder / "evaluation"),
        baseline_model=str(folder / "baseline"),
    )
    found = review(sources, _SPLITS, ReviewSettings())
    page = render(found, Origin("benchmark"))
    (folder / "index.html").write_text(page, encoding="utf-8")
    return {"drawn": len(found.sample.images), "page MB": len(page.encode()) / 1e6}


if __name__ == "__main__":
    main()
