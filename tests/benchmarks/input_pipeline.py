"""The trainers' input pipelines without any network: `python -m benchmarks.input_pipeline`.

How many crops a second leave them, from Transform's records, with the decoded images cached and without
(`cache_mb` 0). Beside it, in the same run: reading the same records, and decoding the same files
with tf.io alone, one after the other and on all cores. And, since a GPU must not wait, what a training step
of so many milliseconds would ask for. "CPU" is processor time, which does not grow where other programs take
part of the machine.

    python -m benchmarks.input_pipeline --images train_v2 --labels train_ship_segmentations_v2.csv
    python -m benchmarks.input_pipeline --batch 32 --step-ms 20 50 100
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.prepared import Prepared, add_arguments, prepare
from benchmarks.report import Row, save, show

if TYPE_CHECKING:
    import tensorflow as tf

# Enough for the shuffle buffers of crops, and for tf.data to find its degrees of parallelism.
_WARM_UP_BATCHES = 20


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Crops a second of the trainers' input.")
    add_arguments(parser)
    parser.add_argument("--cores", type=int, help="use so many cores; default: all")
    parser.add_argument("--batch", type=int, default=32, help="of both trainers; default 32")
    parser.add_argument(
        "--step-ms", type=float, nargs="+", default=[25.0, 50.0, 100.0], help="of a GPU; default 25 50 100"
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="for each figure; default 8")
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    if arguments.cores:
        # Before TensorFlow is imported, which sizes its pools by it.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="ships-bench-") as folder:
        records = prepare(arguments, Path(folder))
        floors = measure_floors(records, arguments.seconds)
        inputs = measure_inputs(records, arguments.batch, arguments.seconds, floors)
    needs = needed(inputs, arguments.batch, arguments.step_ms)
    show(f"Floors: the files of the training records, {cores} cores", floors)
    show(f"Input of the trainers, batch {arguments.batch}, default augmentation, {cores} cores", inputs)
    show(f"What a GPU's training step with batch {arguments.batch} asks for", needs)
    save(arguments.output, {"cores": cores, "floors": floors, "inputs": inputs, "needs": needs})


def measure_floors(records: Prepared, seconds: float) -> list[Row]:
    """Files a second that are read as records, and that are decoded from memory."""
    import tensorflow as tf

    from components.training.records import IMAGE_ENCODED, read_records, take_census

    files = take_census(records.train).files
    encoded = [record[IMAGE_ENCODED] for record in read_records(files)]
    in_memory = tf.data.Dataset.from_tensor_slices(encoded).repeat()

    def decode(parallel: int | None) -> "tf.data.Dataset":
        # Its sum alone: a copy of each picture into Python would be timed, too.
        def touch(content: tf.Tensor) -> tf.Tensor:
            picture = tf.io.decode_image(content, channels=3, expand_animations=False)
            return tf.reduce_max(tf.shape(picture))

        return in_memory.map(touch, num_parallel_calls=parallel).batch(32).prefetch(2)

    sources = {
        "read records": read_records(files).repeat().map(lambda record: record[IMAGE_ENCODED]).batch(32),
        "tf.io.decode_image, one after the other": decode(None),
        "tf.io.decode_image, on all cores": decode(tf.data.AUTOTUNE),
    }
    rows: list[Row] = []
    for name, source in sources.items():
        per_s, cpu_ms = _pace(iter(source), 32, seconds, _WARM_UP_BATCHES)
        rows.append({"floor": name, "files/s": per_s, "CPU ms a file": cpu_ms})
    return rows


def measure_inputs(records: Prepared, batch: int, seconds: float, floors: list[Row]) -> list[Row]:
    """Crops a second of each trainer, cached and not."""
    from components.training.crops import CROPS_PER_DECODING, training_crops
    from components.training.records import take_census
    from components.training.settings import ClassifierSettings, CropSettings, SegmenterSettings

    census = take_census(records.train)
    images = len(census.ships) + len(census.empties)
    inputs: dict[str, CropSettings] = {
        "classifier": ClassifierSettings(batch_size=batch),
        "segmenter": SegmenterSettings(batch_size=batch),
    }
    decode_per_s = float(floors[-1]["files/s"])
    rows: list[Row] = []
    for (name, settings), cached in itertools.product(inputs.items(), (True, False)):
        # "Cached" means all of them, however many they are.
        chosen = settings.model_copy(update={"cache_mb": 1_000_000 if cached else 0})
        # Filling the cache takes a pass over all images, whose pictures are turned out meanwhile.
        warm_up = _WARM_UP_BATCHES + (2 * images // batch if cached else 0)
        per_s, cpu_ms = _pace(iter(training_crops(records.train, chosen)(0)), batch, seconds, warm_up)
        decoded_per_s = per_s / CROPS_PER_DECODING
        rows.append(
            {
                "input": f"{name}, {settings.crop_px} px, {'cached' if cached else 'decoded again'}",
                "crops/s": per_s,
                "CPU ms each": cpu_ms,
                "files decoded/s": "" if cached else decoded_per_s,
                "to decoding alone": "" if cached else decoded_per_s / decode_per_s,
            }
        )
    return rows


def needed(inputs: list[Row], batch: int, steps_ms: list[float]) -> list[Row]:
    """By length of the step: what each input would have to give, has, and how many cores it would take."""
    rows: list[Row] = []
    for row, step_ms in itertools.product(inputs, steps_ms):
        per_s = batch / step_ms * 1000
        rows.append(
            {
                "input": row["input"],
                "step ms": step_ms,
                "asked per s": per_s,
                "of what it asks": float(row["crops/s"]) / per_s,
                "cores it would take": per_s * float(row["CPU ms each"]) / 1000,
            }
        )
    return rows


def _pace(batches: Iterator[Any], batch: int, seconds: float, warm_up: int) -> tuple[float, float]:
    """Elements a second, and CPU milliseconds of this process an element."""
    for _ in range(warm_up):
        next(batches)
    count = 0
    started, cpu_started = time.perf_counter(), time.process_time()
    while (took := time.perf_counter() - started) < seconds:
        next(batches)
        count += batch
    return count / took, (time.process_time() - cpu_started) / count * 1000


if __name__ == "__main__":
    main()
