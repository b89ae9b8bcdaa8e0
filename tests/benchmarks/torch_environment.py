"""A Python with PyTorch for benchmarks: an environment of its own, since the project needs none."""

import json
import subprocess
import sys
import venv
from pathlib import Path

_PACKAGES = ("torch==2.13.0", "numpy")
# Of any Linux build of PyTorch that computes on a GPU; several GB that no benchmark here uses.
_CUDA = ("nvidia-", "triton", "cuda-")
_ADVICE = "give a Python that has PyTorch and numpy by --torch-python PATH"


def torch_python(given: Path | None, folder: Path) -> Path:
    """The interpreter to run PyTorch with.

    Args:
        given: one that has PyTorch, or None.
        folder: of the environment that is made if none is given; the next call finds it there.

    Raises:
        SystemExit: PyTorch cannot be had; the message says why and what to do.
    """
    if given:
        _check(given)
        return given
    python = folder / "bin" / "python"
    ready = folder / ".ready"
    if not ready.exists():
        print(f"Making an environment with {_PACKAGES[0]} in {folder} ...", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        _refuse_cuda(python)
        _pip(python, *_PACKAGES)
        _check(python)
        ready.touch()
    return python


def _check(python: Path) -> None:
    try:
        subprocess.run([python, "-c", "import numpy, torch"], check=True, capture_output=True, text=True)
    except OSError as error:
        raise SystemExit(f"{python} cannot be run ({error}): {_ADVICE}") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            f"{python} has no PyTorch and numpy ({_last_line(error.stderr)}): {_ADVICE}"
        ) from None


def _refuse_cuda(python: Path) -> None:
    """Look at what pip would install before anything large is downloaded."""
    report = json.loads(_pip(python, "--dry-run", "--report", "-", *_PACKAGES))
    names = [item["metadata"]["name"] for item in report["install"]]
    cuda = sorted(name for name in names if name.startswith(_CUDA))
    if cuda:
        raise SystemExit(
            f"pip would install {_PACKAGES[0]} with CUDA, {len(cuda)} packages of several GB: point pip at "
            f"PyTorch's CPU builds (PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS), or {_ADVICE}"
        )


def _pip(python: Path, *arguments: str) -> str:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"pip cannot get {_PACKAGES[0]} ({_last_line(error.stderr)}): {_ADVICE}") from None


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"
