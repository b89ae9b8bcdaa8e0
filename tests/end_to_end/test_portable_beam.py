"""The Beam stages through a Beam job service, in other processes: with the results of one process."""

import csv
import json
import shlex
import shutil
from functools import partial

import pytest
import tensorflow as tf
from beam_services import beam_services
from google.protobuf import json_format
from rich.console import Console
from served_models import export_bright_detector
from tensorflow_data_validation import load_stats_binary
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.orchestration.beam.beam_dag_runner import BeamDagRunner
from tfx.orchestration.pipeline import RunOptions
from tfx.types import standard_artifacts
from tfx.utils import json_utils
from told import told_progress

from components.evaluation.component import Executor as Evaluator
from components.evaluation.component import headline
from components.evaluation.config import eval_config
from components.evaluation.names import HEADLINE_DICE_SHIPS
from components.evaluation.results import read_evaluation
from components.evaluation.settings import EvaluationSettings
from components.evaluation.verdict import VERDICT_FILE
from components.examples import SPLITS
from components.ship_example_gen.listing import data_fingerprint
from components.ship_example_gen.scenes import read_scenes
from components.tfrecords import read_records
from pipeline.beam import beam_in_this_process
from pipeline.dag import DataSource
from pipeline.demo.dataset import generate
from pipeline.local import local_pipeline
from pipeline.prediction.command import predict
from pipeline.prediction.forms import Format
from pipeline.root import Root
from pipeline.settings import load_settings

pytestmark = pytest.mark.slow

# ShipExampleGen has two Beam pipelines; StatisticsGen, ImageScreener, ShipSampler, Transform have one each.
JOBS = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    generate(folder, scenes=8, tiles_per_scene=3, seed=5)
    return folder


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    with beam_services(tmp_path_factory.mktemp("services")) as services:
        yield services


def _run(data, root, overrides=()):
    """Runs all before the trainers; gives what the stages told of their progress."""
    tables = [str(data / name) for name in ("images", "labels.csv", "scenes.csv")]
    columns = read_scenes(tables[-1]).extra_columns
    source = DataSource(*tables, fingerprint=data_fingerprint(*tables), columns=columns)
    dag = local_pipeline(source, load_settings("default", overrides), Root(root), "evaluation")
    with told_progress() as told, beam_in_this_process():
        BeamDagRunner().run(dag, RunOptions(to_nodes=["Transform"]))
    return told


@pytest.fixture(scope="module")
def here(data, tmp_path_factory):
    """Root of a run in this process, and its progress."""
    root = tmp_path_factory.mktemp("here")
    return root, _run(data, root)


@pytest.fixture(scope="module")
def there(data, services, tmp_path_factory):
    """Root of a run in the worker pool, and its progress."""
    before = services.workers()
    root = tmp_path_factory.mktemp("there")
    told = _run(data, root, services.overrides)
    assert services.workers() - before >= JOBS
    return root, told


def _output(root, name):
    """The folder of an output, such as "ShipExampleGen/examples"."""
    (found,) = (root / "artifacts" / name).glob("[0-9]*")
    return found


def _by_split(root, name):
    """Examples of each split as texts, in an order of their own."""
    uri = str(_output(root, name))
    records = {
        split: read_records(uri, split)
        for split in SPLITS
        if (_output(root, name) / f"Split-{split}").exists()
    }
    return {split: sorted(map(_text, found)) for split, found in records.items()}


def _text(record):
    example = tf.train.Example.FromString(record)
    return [(name, str(feature)) for name, feature in sorted(example.features.feature.items())]


@pytest.mark.parametrize(
    "name", ["ShipExampleGen/examples", "ImageScreener/examples", "Transform/transformed_examples"]
)
def test_examples_are_the_same(here, there, name):
    ours, theirs = (_by_split(root, name) for root, _ in (here, there))
    assert sum(map(len, ours.values())) > 0
    assert theirs == ours


@pytest.mark.parametrize(
    "table",
    [
        "ShipExampleGen/label_report/*/overlaps.csv",
        "ShipExampleGen/label_report/*/label_issues.csv",
        "ImageScreener/quarantine/*/quarantine.csv",
    ],
)
def test_tables_are_the_same(here, there, table):
    ours, theirs = (next((root / "artifacts").glob(table)).read_bytes() for root, _ in (here, there))
    assert theirs == ours
    assert ours.count(b"\n") > 1


def test_statistics_are_the_same(here, there):
    ours, theirs = (_statistics(root) for root, _ in (here, there))
    assert ours.keys() == theirs.keys()
    assert len(ours) > len(SPLITS)
    for key, numbers in ours.items():
        assert theirs[key] == pytest.approx(numbers, rel=1e-6), key


def _statistics(root):
    """(split, feature) -> count, mean and deviation; histograms are estimates that depend on the order."""
    found = {}
    for file in _output(root, "StatisticsGen/statistics").glob("*/FeatureStats.pb"):
        (dataset,) = load_stats_binary(str(file)).datasets
        for feature in dataset.features:
            numbers = feature.num_stats
            common = (feature.string_stats if feature.HasField("string_stats") else numbers).common_stats
            name = feature.path.step[0] if feature.path.step else feature.name
            found[file.parent.name, name] = [common.num_non_missing, numbers.mean, numbers.std_dev]
    return found


def test_workers_elsewhere_are_heard_of_at_the_end(there, data):
    _, told = there
    images = len(list((data / "images").iterdir()))
    passes = [
        ("ShipExampleGen", "measured images"),
        ("ShipExampleGen", "images"),
        ("ImageScreener", "images"),
    ]
    for stage, unit in passes:
        # None of the work was done in this process, where it would have been counted one by one.
        assert {one.done for one in told if (one.stage, one.unit) == (stage, unit)} == {images}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model store with a detector for which bright is ship."""
    store = tmp_path_factory.mktemp("models")
    export_bright_detector(store / "ships" / "1", tmp_path_factory.mktemp("statistics"))
    return store


def test_an_evaluation_judges_the_same(here, models, services, tmp_path):
    evaluate = partial(_evaluate, here[0], models)
    before = services.workers()
    theirs = evaluate(tmp_path / "there", load_settings("default", services.overrides).beam.options())
    assert services.workers() > before
    ours = evaluate(tmp_path / "here", None)
    assert [check["outcome"] for check in ours[0]["checks"]] == ["pass"]
    assert theirs[0] == ours[0]
    assert theirs[1] == pytest.approx(ours[1])
    assert 0 < ours[1][HEADLINE_DICE_SHIPS] < 1


def _evaluate(root, models, folder, options):
    """Verdict and headline figures of the detector on the screened images."""
    examples, model, baseline = standard_artifacts.Examples(), *(standard_artifacts.Model() for _ in range(2))
    examples.uri = str(_output(root, "ImageScreener/examples"))
    examples.split_names = json_utils.dumps(list(SPLITS))
    model.uri, baseline.uri = str(folder / "model"), str(folder / "none")
    shutil.copytree(models / "ships" / "1", folder / "model" / "Format-Serving")
    evaluation = standard_artifacts.ModelEvaluation()
    evaluation.uri = str(folder / "evaluation")
    rule = {"metric": "dice", "slice": {"has_ship": 1}, "min": 0.2}
    settings = EvaluationSettings.model_validate({"rules": [rule]})
    properties = {
        "eval_config": json_format.MessageToJson(eval_config(settings, ())),
        "rules": json.dumps(settings.model_dump(mode="json")["rules"]),
        "example_splits": json_utils.dumps(list(SPLITS)),
    }
    context = BaseBeamExecutor.Context(options, tmp_dir=str(folder / "tmp"), unique_id="1")
    inputs = {"examples": [examples], "model": [model], "baseline_model": [baseline]}
    with beam_in_this_process():
        Evaluator(context).Do(inputs, {"evaluation": [evaluation]}, properties)
    # The last digit of a sum is a matter of the order.
    verdict = json.loads((folder / "evaluation" / VERDICT_FILE).read_text(), parse_float=_rounded)
    return verdict, headline(read_evaluation(evaluation.uri).candidate)


def _rounded(number):
    return round(float(number), 9)


def test_predictions_are_the_same(data, models, services, tmp_path, monkeypatch):
    images = sorted(map(str, (data / "images").glob("*.jpg")))[:6]
    # As a user names it; workers start elsewhere.
    monkeypatch.chdir(models.parent)
    options = shlex.join(load_settings("default", services.overrides).beam.options())
    before = services.workers()
    theirs = _predict(images, models.relative_to(models.parent), tmp_path / "there.csv", options)
    assert services.workers() > before
    ours = _predict(images, models, tmp_path / "here.csv", None)
    assert theirs == ours
    assert any(pixels for _, pixels in ours)


def _predict(images, models, output, beam):
    predict(
        images,
        list_file=None,
        models=models,
        server="",
        name="ships",
        output=output,
        form=Format.AIRBUS,
        min_pixels=1,
        beam=beam,
        console=Console(quiet=True),
        verbose=True,
    )
    with output.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return sorted(rows)
