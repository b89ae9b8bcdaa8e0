"""What all benchmarks share: the machine they ran on, a table for people, JSON for machines."""

import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Row = dict[str, str | float | int]


def machine() -> dict[str, str | int]:
    """The processor, how many of its cores this process may use, and the versions that matter."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    packages = ("tensorflow", "apache-beam", "opencv-python-headless", "pillow", "numpy")
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def show(title: str, rows: Sequence[Row]) -> None:
    """Prints rows of the same keys as a table."""
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    console = Console()
    # A file is as wide as it needs to be.
    Console(width=console.width if console.is_terminal else 200).print(table)


def save(path: Path | None, figures: dict[str, Any]) -> None:
    """Writes the figures with the machine they were measured on; nothing if there is no path."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"machine": machine(), **figures}, indent=2) + "\n"
        path.write_text(text, encoding="utf-8")


def _text(value: str | float | int) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
