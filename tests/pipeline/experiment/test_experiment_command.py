"""What is run, kept and told; the runs of the pipeline themselves are those of tests/end_to_end."""

import csv

import pytest
from PIL import Image
from rich.console import Console

from components.errors import InputError
from components.evaluation.slices import Evaluation, Figure, Slice
from pipeline.experiment import command
from pipeline.experiment.command import TrialsFailedError, run_experiment
from pipeline.experiment.outcome import Outcome
from pipeline.experiment.plan import read_plan
from pipeline.experiment.trial import figures_of
from pipeline.root import Root
from pipeline.run_command import EXIT_INTERRUPTED, Inputs

EXPERIMENT = """
seeds: [0, 1]
variants:
  - label: plain
  - label: Lovász
    settings: {segmenter.loss: lovasz}
"""


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "labels.csv").write_text("ImageId,EncodedPixels\na.jpg,1 3\n", encoding="utf-8")
    return Inputs(str(tmp_path / "images"), str(tmp_path / "labels.csv"))


@pytest.fixture
def plan(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(EXPERIMENT, encoding="utf-8")
    return read_plan(str(file))


class _Runs:
    """In place of the pipeline: dice is 0.5 + seed / 10; `fails` and `stops` say which trials do so."""

    def __init__(self, monkeypatch):
        self.fails = self.stops = lambda settings: False
        self.told = []
        monkeypatch.setattr(command, "run_trial", self)

    def __call__(self, inputs, settings, root, *, verbose):
        self.told.append((settings.segmenter.loss, settings.segmenter.seed))
        if self.stops(settings):
            return None
        if self.fails(settings):
            return Outcome(cause="Segmenter diverged")
        value = 0.5 + settings.segmenter.seed / 10
        figures = {
            "dice, ships": Figure(value, value - 0.1, value + 0.1),
            "dice, ships, Source x": Figure(0.25),
        }
        return Outcome("run-1", figures=figures, test_images=12, training_s=61.4, parameters=1_234_567)


@pytest.fixture
def runs(monkeypatch):
    return _Runs(monkeypatch)


def _run(inputs, plan, tmp_path):
    run_experiment(inputs, plan, Root(tmp_path / "root"), Console(width=160))


def _folder(tmp_path):
    return tmp_path / "root" / "experiments" / "own"


def test_table_and_plot_say_what_came_out(inputs, plan, runs, tmp_path, capsys):
    _run(inputs, plan, tmp_path)
    page = (_folder(tmp_path) / "table.md").read_text(encoding="utf-8")
    assert "| Lovász | 2 | 0.550 (0.50-0.60) |" in page
    assert "| Lovász | 1 | 0 | 0.600 (0.50-0.70) |  |  |  | 0.250 | 12 | 61 s | 1,234,567 |" in page
    with (_folder(tmp_path) / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["variant"], row["seed"], row["state"]) for row in rows] == [
        ("plain", "0", "done"), ("Lovász", "0", "done"), ("plain", "1", "done"), ("Lovász", "1", "done"),
    ]  # fmt: skip
    assert float(rows[3]["dice, ships (high)"]) == pytest.approx(0.7)
    with Image.open(_folder(tmp_path) / "dice.png") as plot:
        assert {(20, 90, 170), (30, 34, 40)} <= {colour for _, colour in plot.getcolors(1 << 20)}
    told = capsys.readouterr().out
    assert "1 of 4: plain (seed 0, split 0)" in told
    assert "4 of 4: Lovász (seed 1, split 0), about" in told


def test_a_failed_trial_is_listed_and_alone_is_tried_again(inputs, plan, runs, tmp_path):
    runs.fails = lambda settings: settings.segmenter.loss == "lovasz" and settings.segmenter.seed == 0
    with pytest.raises(TrialsFailedError, match="1 of 4 trials failed"):
        _run(inputs, plan, tmp_path)
    assert len(runs.told) == 4
    page = (_folder(tmp_path) / "table.md").read_text(encoding="utf-8")
    assert "- Lovász (seed 0, split 0): Segmenter diverged" in page
    assert "| Lovász | 1 | 0.600 (0.60-0.60) |" in page

    runs.fails = lambda settings: False
    runs.told.clear()
    _run(inputs, plan, tmp_path)
    assert runs.told == [("lovasz", 0)]
    assert "Failed" not in (_folder(tmp_path) / "table.md").read_text(encoding="utf-8")


def test_an_interrupted_experiment_goes_on_where_it_ended(inputs, plan, runs, tmp_path):
    runs.stops = lambda settings: settings.segmenter.seed == 1
    with pytest.raises(SystemExit) as stopped:
        _run(inputs, plan, tmp_path)
    assert stopped.value.code == EXIT_INTERRUPTED
    assert "waiting" in (_folder(tmp_path) / "table.md").read_text(encoding="utf-8")
    runs.stops = lambda settings: False
    runs.told.clear()
    _run(inputs, plan, tmp_path)
    assert [seed for _, seed in runs.told] == [1, 1]


def test_other_data_are_another_experiment_and_a_new_label_is_not(inputs, plan, runs, tmp_path):
    _run(inputs, plan, tmp_path)
    runs.told.clear()
    (tmp_path / "own.yaml").write_text(EXPERIMENT.replace("Lovász", "other name"), encoding="utf-8")
    _run(inputs, read_plan(str(tmp_path / "own.yaml")), tmp_path)
    assert runs.told == []
    (tmp_path / "labels.csv").write_text("ImageId,EncodedPixels\na.jpg,5 3\n", encoding="utf-8")
    _run(inputs, plan, tmp_path)
    assert len(runs.told) == 4


def test_a_root_in_use_is_refused_before_anything_runs(inputs, plan, runs, tmp_path):
    with Root(tmp_path / "root").locked(), pytest.raises(InputError, match="another run"):
        _run(inputs, plan, tmp_path)
    assert runs.told == []


def test_figures_are_taken_from_their_slices():
    dice, auc = ("cascade", "dice"), ("classifier", "auc")
    slices = [
        Slice({}, {dice: Figure(0.7), auc: Figure(0.9)}),
        Slice({"has_ship": "1"}, {dice: Figure(0.5, 0.4, 0.6)}),
        Slice({"has_ship": "0"}, {dice: Figure(0.8)}),
        Slice({"ship_group": "1-2"}, {dice: Figure(0.1)}),
        Slice({"Source": "airbus", "has_ship": "1"}, {dice: Figure(0.6)}),
        Slice({"Source": "airbus", "has_ship": "0"}, {dice: Figure(0.2)}),
    ]
    assert figures_of(Evaluation(slices, [])) == {
        "dice, ships": Figure(0.5, 0.4, 0.6),
        "dice, all": Figure(0.7),
        "exactly empty": Figure(0.8),
        "AUC": Figure(0.9),
        "dice, ships, Source airbus": Figure(0.6),
    }
