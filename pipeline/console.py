"""Results, and progress in a terminal: a bar for what runs, a line for what has ended; else plain lines."""

import logging
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Column

from components.progress import LOGGER as PROGRESS_LOGGER
from components.progress import Progress
from pipeline.stages import LOGGER as STAGE_LOGGER
from pipeline.stages import StageEvent

# Without a terminal nothing is redrawn, so a line is worth its place only now and then.
_LINE_INTERVAL_S = 30.0
INTERRUPTED = "Interrupted. What has finished is kept; the same command goes on from there."
# Wider than any table, in characters.
_NO_EDGE = 10_000


def standard_output() -> Console:
    """Of results; a file or a pipe has no edge at which their tables would be cut."""
    console = Console()
    if not console.is_terminal:
        console.width = _NO_EDGE
    return console


class ProgressDisplay(logging.Handler):
    """Draws the records of the progress and stage loggers while it is entered as a context."""

    def __init__(self, console: Console, stages: int = 0) -> None:
        """Make a display.

        Args:
            console: where to draw.
            stages: number of stages in all, 0 if there are none and only progress is drawn.
        """
        super().__init__()
        self.failure: StageEvent | None = None
        self._console = console
        self._stages = stages
        self._stage_number = 0
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20, table_column=Column(min_width=20)),
            TimeRemainingColumn(compact=True, table_column=Column(min_width=5)),
            TextColumn("{task.fields[figures]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=console,
            transient=True,
            # Else rich would draw what libraries print to Python's streams above the bars.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        self._latest: dict[str, Progress] = {}
        self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        for logger in (PROGRESS_LOGGER, STAGE_LOGGER):
            logger.addHandler(self)
            logger.setLevel(logging.DEBUG)
            # The records are for this display; in the library log they would be noise.
            logger.propagate = False
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
        for logger in (PROGRESS_LOGGER, STAGE_LOGGER):
            logger.removeHandler(self)
            logger.setLevel(logging.NOTSET)
            logger.propagate = True

    def clear(self) -> None:
        """Take the bars off the terminal."""
        if self._console.is_terminal:
            self._bars.stop()

    def emit(self, record: logging.LogRecord) -> None:
        """Draw one record."""
        if isinstance(progress := getattr(record, "progress", None), Progress):
            self._show_progress(progress)
        elif isinstance(event := getattr(record, "stage_event", None), StageEvent):
            self._show_stage(event)

    def _show_progress(self, progress: Progress) -> None:
        stage = progress.stage
        if stage in self._latest and progress.done < self._latest[stage].done:
            # The stage goes over its images once more; the pace is that of this time.
            self._started[stage] = time.monotonic()
        self._latest[stage] = progress
        self._started.setdefault(stage, time.monotonic())
        task = self._task(stage)
        figures = self._figures(progress)
        self._bars.update(task, total=progress.total, completed=progress.done, figures=f"left, {figures}")
        if progress.finished and not self._stages:
            self._end(stage, "done", time.monotonic() - self._started[stage])
        elif not self._console.is_terminal and time.monotonic() - self._last_line > _LINE_INTERVAL_S:
            self._last_line = time.monotonic()
            self._say(f"  ... {stage}: {figures}{self._time_left(progress)}")

    def _show_stage(self, event: StageEvent) -> None:
        if event.state == "running":
            self._stage_number += 1
            self._last_line = time.monotonic()
            self._task(event.stage)
            return
        if event.state == "failed":
            self.failure = event
        self._end(event.stage, event.state, event.seconds)

    def _task(self, stage: str) -> TaskID:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=None, figures="")
        return self._tasks[stage]

    def _end(self, stage: str, state: str, seconds: float) -> None:
        if stage in self._tasks:
            self._bars.remove_task(self._tasks.pop(stage))
        progress = self._latest.get(stage)
        mark = {"done": "[green]✓[/]", "cached": "[cyan]=[/]", "failed": "[red]✗[/]"}[state]
        number = f"{self._stage_number:2d}/{self._stages} " if self._stages else ""
        told = "from cache" if state == "cached" else f"{seconds:6.1f} s"
        figures = self._figures(progress) if progress and state != "cached" else ""
        self._say(f"{mark} {number}{stage:18s} {told:>10s}  {figures}".rstrip())

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)

    def _figures(self, progress: Progress) -> str:
        total = f"/{progress.total}" if progress.total else ""
        seconds = time.monotonic() - self._started[progress.stage]
        # The first record of a stage tells nothing of its pace.
        rate = f"{progress.done / seconds:.3g} {progress.unit}/s" if seconds >= 1 else ""
        named = [f"{name} {value:.3g}" for name, value in progress.figures.items()]
        return ", ".join(part for part in (f"{progress.done}{total} {progress.unit}", rate, *named) if part)

    def _time_left(self, progress: Progress) -> str:
        seconds = time.monotonic() - self._started[progress.stage]
        if not progress.total or not progress.done or seconds < 1:
            return ""
        return f", {seconds * (progress.total / progress.done - 1):.0f} s left"
