"""`ships demo`: generate a data set and run the pipeline on it."""

from rich.console import Console

from pipeline.console import ProgressDisplay
from pipeline.demo.dataset import generate
from pipeline.root import Root
from pipeline.run_command import Inputs, run
from pipeline.settings import Settings

_SEED = 0


def run_demo(scenes: int, settings: Settings, root: Root, console: Console, verbose: bool = False) -> None:
    """Generate images, labels and scenes under the root, then do what `ships run` does with them.

    Raises:
        ShipsError: see `pipeline.run_command.run`.
    """
    folder = root.path / f"data-{scenes}-scenes"
    # The table of faults is written last, so the data set is whole if it is there. Files that were not
    # touched keep their cached stages.
    if not (folder / "faults.csv").exists():
        with ProgressDisplay(console):
            generate(folder, scenes=scenes, seed=_SEED)
    inputs = Inputs(*(str(folder / name) for name in ("images", "labels.csv", "scenes.csv")))
    console.print(
        f"The same as: ships run --images {inputs.images} --labels {inputs.labels} "
        f"--scenes {inputs.scenes} --profile demo --root {root.path}",
        highlight=False,
        soft_wrap=True,
    )
    run(inputs, settings, root, console, verbose=verbose)
