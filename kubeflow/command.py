"""`ships compile`: what the command does before and after TFX is loaded."""

from pathlib import Path

from rich.console import Console

from components.errors import InputError
from pipeline.quiet import libraries_into
from pipeline.settings import Settings

_NOWHERE = Path("/dev/null")


def compile_to_file(settings: Settings, output: Path, console: Console) -> None:
    """Write the compiled pipeline.

    Args:
        settings: validated settings.
        output: file ending in .yaml or .yml, the only ones that KFP's clients upload.
        console: told what was written.

    Raises:
        InputError: the file cannot be written, or has another ending.
        SettingsError: the settings do not fit together.
    """
    if output.suffix not in (".yaml", ".yml"):
        raise InputError(f"--output {output}: expected a file ending in .yaml")
    with libraries_into(_NOWHERE):
        # Seconds of imports, and what they print helps nobody here.
        from kubeflow.compile import as_yaml, compile_pipeline  # noqa: PLC0415

        spec, platform = compile_pipeline(settings)
    try:
        output.write_text(as_yaml(spec, platform), encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written: {error.strerror}") from None
    tasks = len(spec["root"]["dag"]["tasks"])
    image = f"{settings.kubeflow.image}:{settings.kubeflow.tag}"
    console.print(f"Wrote {output}: {tasks} tasks, image {image}", highlight=False, soft_wrap=True)
