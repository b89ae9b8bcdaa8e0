import pytest

from components.data_gate.artifact import DataSetReport
from components.data_gate.component import DataRefusedError, Executor
from components.data_gate.judgement import JUDGEMENT_FILE, Judgement, Rule, to_json


def pass_gate(folder, *rules: Rule) -> None:
    (folder / JUDGEMENT_FILE).write_bytes(to_json(Judgement(rules)))
    report = DataSetReport()
    report.uri = str(folder)
    Executor().Do({"report": [report]}, {}, {})


def test_breach_that_stops_names_numbers_and_page(tmp_path):
    kept = Rule("schema", "stop", "0 anomalies", "none", passed=True)
    broken = Rule("drift", "stop", "1 of 9", "none", passed=False, details=("luma_mean 0.4 > 0.2",))
    with pytest.raises(DataRefusedError) as refusal:
        pass_gate(tmp_path, kept, broken)
    assert "drift: 1 of 9, none (luma_mean 0.4 > 0.2)" in str(refusal.value)
    assert f"{tmp_path}/data_report.html" in str(refusal.value)
    assert "schema:" not in str(refusal.value)


def test_warnings_pass_and_are_told(tmp_path, caplog):
    pass_gate(tmp_path, Rule("skew", "warn", "2 of 9", "none", passed=False))
    assert "skew: 2 of 9, none" in caplog.text
