from pipeline.experiment.plan import read_plan
from pipeline.experiment.plot import write_plot
from pipeline.experiment.table import Row


def test_labels_are_legible_although_the_font_has_no_accents(tmp_path):
    pictures = []
    for label in ("Lovász", "Lovasz"):
        file = tmp_path / "own.yaml"
        file.write_text(f"variants: [{{label: {label}}}, {{label: the longest}}]", encoding="utf-8")
        plan = read_plan(str(file))
        write_plot(plan, [Row(trial, None) for trial in plan.trials], tmp_path / "dice.png")
        pictures.append((tmp_path / "dice.png").read_bytes())
    assert pictures[0] == pictures[1]
