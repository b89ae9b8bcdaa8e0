"""The whole pipeline through the `ships` command, on generated images, with networks that hardly train."""

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from commands import REPOSITORY, call, run_arguments, ships, stage_lines

pytestmark = pytest.mark.slow

STAGES = 18
MANUAL = {"approval.mode": "manual"}
OTHER_RULES = "[{metric: dice, slice: {has_ship: 1}, min: 0.0, max_drop: 0.9}]"


@pytest.fixture(scope="module")
def first_run(data, tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    return root, call(run_arguments(data, root))


def test_every_stage_runs_and_the_dice_table_is_printed(first_run):
    _, output = first_run
    stages = stage_lines(output)
    assert len(stages) == STAGES
    assert set(stages.values()) == {"done"}
    assert "Dice on the test splits" in output
    assert "with ships" in output


def test_no_image_is_lost(first_run, data):
    root, output = first_run
    listed = len(list((data / "images").iterdir()))
    total, clean, quarantined = map(
        int, re.search(r"(\d+) images listed = (\d+) examples \+ (\d+) quarantined", output).groups()
    )
    assert total == listed == clean + quarantined
    assert quarantined > 0
    (table,) = root.glob("artifacts/ImageScreener/quarantine/*/quarantine.csv")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == quarantined
    assert all(row["reasons"] for row in rows)


def test_the_pushed_model_answers_in_a_process_without_our_code(first_run, data):
    root, output = first_run
    assert "Pushed as version" in output
    (version,) = (root / "models" / "ships").iterdir()
    image = sorted((data / "images").iterdir(), key=lambda path: -path.stat().st_size)[0]
    script = f"""
import json, tensorflow as tf
detect = tf.saved_model.load({str(version)!r}).signatures["serving_default"]
found = detect(image_bytes=tf.constant([open({str(image)!r}, "rb").read()]))
print(json.dumps({{name: value.shape.as_list() for name, value in found.items()}}))
"""
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(told) == {"ship_probability": [1], "encoded_pixels": [1], "ship_pixels": [1]}


def test_predictions_are_drawn(first_run):
    root, _ = first_run
    (folder,) = root.glob("artifacts/ShipEvaluator/evaluation/*/overlays")
    pictures = list(folder.glob("*.png"))
    assert (folder / "overview.png") in pictures
    assert len(pictures) > 3


def test_the_review_page_is_told_and_found_again(first_run, tmp_path):
    root, output = first_run
    (page,) = root.glob("artifacts/ReviewReport/review/*/index.html")
    assert str(page) in output
    copy = tmp_path / "sent.html"
    told = call(["review", "--root", root, "-o", copy])
    assert told.strip().splitlines()[-1] == str(copy)
    text = copy.read_text(encoding="utf-8")
    run = max(path.name for path in (root / "runs").iterdir())
    assert f"ships approve {run} --root {root}" in text
    assert text.count('class="card"') == 3
    page.unlink()
    page.with_name("model_card.md").unlink()
    # Told on standard output; what it says while it makes the page comes after that here.
    assert str(page) in call(["review", "--root", root]).splitlines()
    late = page.read_text(encoding="utf-8")
    assert f"ships approve {run}" in late
    # Model, evaluation, data, and the code of four stages: as the run had them, not as they are now.
    assert len(_digests(text)) == 7
    assert _digests(late) == _digests(text)
    assert "data digest" in page.with_name("model_card.md").read_text(encoding="utf-8")


def _digests(page):
    return re.findall(r'<th scope="row">([a-z ,]*digest[a-z ,]*)</th><td class="name">(\w+)</td>', page)


def test_an_unchanged_second_run_comes_from_the_cache_and_is_listed(first_run, data):
    root, _ = first_run
    output = call(run_arguments(data, root))
    # The gate decides each time.
    anew = {stage for stage, state in stage_lines(output).items() if state != "cached"}
    assert anew == {"ApprovalGate", "Pusher"}
    assert len(list((root / "models" / "ships").iterdir())) == 1
    listed = call(["runs", "--root", root])
    rows = [line for line in listed.splitlines() if " done " in line]
    assert len(rows) >= 2
    assert all(re.search(r" passed +automatic +\d+", row) for row in rows)


def test_an_edited_loss_reruns_the_segmenter_and_what_follows(first_run, data, tmp_path):
    root, _ = first_run
    checkout = tmp_path / "checkout"
    for package in ("pipeline", "components", "schemas"):
        shutil.copytree(REPOSITORY / package, checkout / package)
    losses = checkout / "components" / "training" / "losses.py"
    losses.write_text(losses.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    stages = stage_lines(call(run_arguments(data, root), code=checkout))
    rerun = {stage for stage, state in stages.items() if state == "done"}
    judged_anew = {"Baseline", "ShipEvaluator", "ReviewReport", "ApprovalGate", "InfraValidator", "Pusher"}
    assert rerun == {"Segmenter", "ShipDetector"} | judged_anew
    assert len(stages) == STAGES


def test_what_a_server_of_its_own_cannot_hold_is_not_pushed(first_run, data, tmp_path):
    root, _ = first_run
    store = root / "models" / "ships"
    # As if the model had never been pushed.
    aside = store.rename(tmp_path / "aside")
    told = call(run_arguments(data, root, **{"infra_validation.max_memory_mb": 50}))
    assert {"InfraValidator", "Pusher"} <= _done(told)
    assert re.search(r"Not pushed, although it may be .* memory \d+ MiB, allowed 50", " ".join(told.split()))
    assert not store.exists()

    # The gate has said "push" by now, and what it said is not kept for what was changed since.
    verdicts = {
        path: path.read_bytes() for path in root.glob("artifacts/ShipEvaluator/evaluation/*/verdict.json")
    }
    for path, content in verdicts.items():
        path.write_bytes(content + b"\n")
    told = call(run_arguments(data, root))
    for path, content in verdicts.items():
        path.write_bytes(content)
    assert "Not pushed: the files of the evaluation are not those" in " ".join(told.split())
    assert not store.exists()
    aside.rename(store)


def test_with_manual_approval_a_persons_word_holds_for_exactly_one_model_and_evaluation(
    first_run, data, tmp_path
):
    root, _ = first_run
    # As if the model had never been pushed.
    store = root / "models" / "ships"
    shutil.rmtree(store)
    command = run_arguments(data, root, **MANUAL)
    waiting = call(command)
    assert _done(waiting) == {"ApprovalGate", "Pusher"}
    assert "waits for a person's approval" in waiting
    run = max(path.name for path in (root / "runs").iterdir())
    assert f"ships approve {run}" in waiting
    call(["approve", "latest", "--root", root, "--note", "all slices fine"])
    told = tmp_path / "sent.html"
    call(["review", run, "--root", root, "-o", told])
    assert "all slices fine" in told.read_text(encoding="utf-8")

    # The approval was about another evaluation of the same model.
    judged_otherwise = run_arguments(data, root, **MANUAL, **{"evaluation.rules": OTHER_RULES})
    stale = call(judged_otherwise)
    assert _done(stale) == {"ShipEvaluator", "ReviewReport", "ApprovalGate", "Pusher"}
    assert "an earlier approval was for another evaluation" in stale
    call(["reject", "latest", "--root", root, "--note", "ghost ships"])
    rejected = call(judged_otherwise)
    assert _done(rejected) == {"ApprovalGate", "Pusher"}
    assert "Not pushed: rejected by" in rejected
    assert not store.exists()

    call(["approve", run, "--root", root, "--note", "looked again"])
    approved = call(command)
    assert _done(approved) == {"ApprovalGate", "Pusher"}
    (version,) = store.iterdir()
    assert f"Pushed as version {version.name}: approved by" in approved
    newest = next(line for line in call(["runs", "--root", root]).splitlines() if " done " in line)
    assert re.search(rf" passed +approved by .* {version.name}", newest)


def _done(output):
    return {stage for stage, state in stage_lines(output).items() if state == "done"}


def test_ctrl_c_leaves_a_root_that_the_next_run_goes_on_from(data, tmp_path):
    command, options = ships(*run_arguments(data, tmp_path))
    with subprocess.Popen(
        command, **options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        told = ""
        for line in process.stdout:
            told += line
            if "ImageScreener" in line:
                break
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        told += process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert "Interrupted" in told
    assert "Traceback" not in told
    assert " interrupted " in call(["runs", "--root", tmp_path])
    stages = stage_lines(call(run_arguments(data, tmp_path)))
    assert len(stages) == STAGES
    assert stages["ShipExampleGen"] == "cached"
    assert stages["Segmenter"] == "done"
