"""`ships run`: check the inputs, run the pipeline in this process, say what came out."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import TypeVar

import yaml
from rich.console import Console
from rich.markup import escape

from components.beam_files import use_beam_options
from components.errors import SettingsError, ShipsError
from components.ship_example_gen.inputs import check_inputs
from components.ship_example_gen.scenes import read_scenes
from pipeline.beam_settings import check_reached, is_dataflow, named_runner
from pipeline.console import INTERRUPTED, ProgressDisplay
from pipeline.quiet import libraries_into
from pipeline.root import Root
from pipeline.settings import Settings
from pipeline.stages import Extent

EXIT_INTERRUPTED = 130

T = TypeVar("T")


class StageFailedError(ShipsError):
    """A stage of the pipeline failed; the message names the stage, the cause and the log."""


@dataclass(frozen=True)
class Inputs:
    """Paths or URIs as the user gave them; `scenes` may be empty."""

    images: str
    labels: str
    scenes: str = ""

    def absolute(self) -> "Inputs":
        """The same with local paths made absolute, as artifacts and cache keys need them."""
        return Inputs(*(_absolute(path) for path in (self.images, self.labels, self.scenes)))


def run(
    inputs: Inputs,
    settings: Settings,
    root: Root,
    console: Console,
    *,
    verbose: bool = False,
    data_only: bool = False,
) -> None:
    """Run the pipeline on a data set and print its results.

    Args:
        inputs: images, labels and scenes.
        settings: validated settings.
        root: where everything is written.
        console: where progress and results are shown.
        verbose: let libraries print into the terminal rather than into the run's log.
        data_only: end with the verdict about the data set; nothing is trained.

    Raises:
        InputError: the data or the root cannot be used at all.
        StageFailedError: a stage failed.
    """
    use_beam_options(settings.beam.options())
    check_inputs(inputs.images, inputs.labels, inputs.scenes)
    started = time.monotonic()
    until: Extent = "data" if data_only else "push"

    def show(run_id: str, console: Console) -> None:
        from pipeline.results import show_data, show_results  # noqa: PLC0415

        show_data(root, run_id, console)
        if not data_only:
            show_results(root, run_id, console)
        console.print(f"Finished in {duration(time.monotonic() - started)}.", highlight=False)

    run_stages(inputs, settings, root, console, until=until, then=show, verbose=verbose)


def run_stages(
    inputs: Inputs,
    settings: Settings,
    root: Root,
    console: Console,
    *,
    until: Extent,
    then: Callable[[str, Console], T],
    verbose: bool = False,
) -> T:
    """Run the stages on inputs that were checked, as a run of its own under the root.

    Args:
        inputs: images, labels and scenes.
        settings: validated settings.
        root: where everything is written; locked meanwhile.
        console: where progress is shown.
        until: how far the run goes.
        then: called with the run's id and a console at the end, while what libraries print still goes to the
            log of the run.
        verbose: let libraries print into the terminal rather than into that log.

    Returns:
        What `then` returns.

    Raises:
        InputError: the root cannot be used, or the data cannot.
        SettingsError: the root cannot be used with Dataflow, or nobody listens at the job endpoint.
        StageFailedError: a stage failed.
    """
    if is_dataflow(named_runner(settings.beam.options())):
        raise SettingsError(
            f"Beam's DataflowRunner: its workers do not see --root {root.path}. Compile the pipeline for "
            "Kubeflow with kubeflow.pipeline_root=gs://... (docs/beam.md), or choose another runner"
        )
    check_reached(settings.beam.job_endpoint)
    use_beam_options(settings.beam.options())
    # oneDNN's convolutions, which TensorFlow leaves off on CPUs without AVX-512: 0.51 instead of 0.93 s per
    # training step of the pretrained U-Net (batch 8 of 256 px, two AVX2 cores). Read when TensorFlow loads.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with contextlib.ExitStack() as stack:
        stack.enter_context(root.locked())
        run_id = time.strftime("%Y%m%d-%H%M%S")
        folder = root.run_folder(run_id)
        folder.mkdir(parents=True, exist_ok=True)
        values = settings.model_dump(mode="json")
        (folder / "settings.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
        (folder / "inputs.yaml").write_text(yaml.safe_dump(asdict(inputs.absolute())), encoding="utf-8")
        if until == "evaluation":
            root.unpushable_mark(run_id).touch()
        log = folder / "log.txt"
        if not verbose:
            # Asked before the redirection, after which standard error is a file.
            is_terminal, width = console.is_terminal, console.width
            terminal = stack.enter_context(libraries_into(log))
            console = Console(file=terminal, force_terminal=is_terminal, width=width)
        stack.enter_context(_stopping_at_once(console))
        _run_stages(inputs.absolute(), settings, root, run_id=run_id, log=log, console=console, until=until)
        return then(run_id, console)


def _run_stages(
    inputs: Inputs,
    settings: Settings,
    root: Root,
    *,
    run_id: str,
    log: Path,
    console: Console,
    until: Extent,
) -> None:
    console.print("Loading TensorFlow and TFX ...", style="dim")
    # Seconds of imports, so they come after the checks: a wrong path is answered at once.
    from components.ship_example_gen.listing import data_fingerprint  # noqa: PLC0415
    from pipeline.dag import DataSource  # noqa: PLC0415
    from pipeline.local import local_pipeline, run_locally  # noqa: PLC0415
    from pipeline.runs import settle  # noqa: PLC0415

    fingerprint = data_fingerprint(inputs.images, inputs.labels, inputs.scenes)
    columns = read_scenes(inputs.scenes).extra_columns
    source = DataSource(inputs.images, inputs.labels, inputs.scenes, fingerprint, columns)
    dag = local_pipeline(source, settings, root, until)
    if before := settle(root):
        told = (
            f"The root was moved or copied here (an artifact was {before}). Its runs are kept; stages "
            "run anew, since the cache knows files by their paths."
        )
        console.print(f"[yellow]![/] {escape(told)}", highlight=False, soft_wrap=True)
    console.print(f"Run {run_id} in {root.path} (library log: {log})", highlight=False, soft_wrap=True)
    with ProgressDisplay(console, len(dag.components)) as display, _stopping_at_once(console, display):
        try:
            run_locally(dag, run_id)
        except Exception as error:
            raise StageFailedError(_explain(display, error, log)) from error


def _explain(display: ProgressDisplay, error: Exception, log: Path) -> str:
    stage = display.failure.stage if display.failure else "the pipeline"
    cause: BaseException = (display.failure and display.failure.error) or error
    told = str(cause) if isinstance(cause, ShipsError) else f"{type(cause).__name__}: {_last_words(cause)}"
    return (
        f"{stage} failed: {told}\n"
        f"Everything that the libraries said is in {log}. Once the cause is mended, the same command "
        "goes on from here: finished stages come from the cache."
    )


def _last_words(error: BaseException) -> str:
    # Beam folds a worker's whole traceback into the message; what happened stands in its last line.
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


@contextlib.contextmanager
def _stopping_at_once(console: Console, display: ProgressDisplay | None = None) -> Iterator[None]:
    """Let Ctrl-C end the process.

    Stages run in threads of Beam, which a KeyboardInterrupt in the main thread does not stop. Ending the
    process is safe: artifacts are published only when whole, and ML Metadata writes in transactions.
    """

    def stop(signum: int, frame: FrameType | None) -> None:
        if display is not None:
            display.clear()
        console.show_cursor(True)
        console.print(f"\n{INTERRUPTED}", highlight=False)
        os._exit(EXIT_INTERRUPTED)

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _absolute(path: str) -> str:
    return path if not path or "://" in path else str(Path(path).resolve())


def duration(seconds: float) -> str:
    """A time span in words, such as "3 min 20 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
