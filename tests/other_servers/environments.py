"""Environments of their own for servers whose packages do not go together with TFX."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# That of this project's environment with Python 3.11. TensorFlow 2.21, which goes with 3.12 and later, needs
# a newer protobuf than KServe's SDK takes and a newer numpy than pytriton does.
_TENSORFLOW = "tensorflow==2.16.2"


@dataclass(frozen=True)
class OtherServer:
    """A server and what it needs.

    Attributes:
        name: of its folder below build/other_servers.
        module: serves and asks, in that environment.
        requirements: packages with their versions.
    """

    name: str
    module: str
    requirements: tuple[str, ...]


TRITON = OtherServer("triton", "other_servers.by_triton", ("nvidia-pytriton==0.7.0", _TENSORFLOW))
KSERVE = OtherServer("kserve", "other_servers.by_kserve", ("kserve==0.15.2", _TENSORFLOW))


class OtherServerError(Exception):
    """An environment cannot be made, or a server does not work in it; the message says why."""


def make(server: OtherServer, folder: Path, python: str) -> Path:
    """The interpreter of an environment, made by uv if it is not there yet.

    Args:
        server: what goes into it.
        folder: of all such environments.
        python: interpreter to make it with.

    Raises:
        OtherServerError: no uv, no such interpreter, or packages that are not to be had for it.
    """
    uv = _uv()
    interpreter = folder / server.name / "bin" / "python"
    if not interpreter.exists():
        _run(server, [uv, "venv", "--quiet", f"--python={python}", str(folder / server.name)])
    _run(server, [uv, "pip", "install", "--quiet", f"--python={interpreter}", *server.requirements])
    return interpreter


def library_folder(interpreter: Path) -> str:
    """Where the shared library of an interpreter lies: Triton starts a Python of its own with it.

    Not left to the loader: it would take the system's Python of the same minor version, whose micro version
    may not go with the interpreter's standard library.

    Raises:
        OtherServerError: the interpreter was built without one.
    """
    asked = (
        "import sysconfig as s; "
        "print(s.get_config_var('LIBDIR') if s.get_config_var('Py_ENABLE_SHARED') else '', end='')"
    )
    told = subprocess.run([str(interpreter), "-c", asked], capture_output=True, text=True, check=True).stdout
    if not told:
        raise OtherServerError(
            f"{interpreter} was built without a shared library (--enable-shared), which Triton's Python "
            "backend needs; give another one by --python"
        )
    return told


def _uv() -> str:
    for name in ("uv", Path(sys.executable).with_name("uv")):
        found = shutil.which(name)
        # A shim may be on the path with nothing behind it.
        if found and not subprocess.run([found, "--version"], capture_output=True, check=False).returncode:
            return found
    raise OtherServerError("needs uv on PATH (https://docs.astral.sh/uv)")


def _run(server: OtherServer, command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise OtherServerError(f"the environment of {server.name} cannot be made:\n{done.stdout.strip()}")
