"""Which Beam runner a stage uses."""

import contextlib
from collections.abc import Iterator

from apache_beam.options.pipeline_options import StandardOptions

# Named in full, since plain DirectRunner of newer Beam releases tries to download the Prism binary.
_FN_API_RUNNER = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"


@contextlib.contextmanager
def beam_in_this_process() -> Iterator[None]:
    """Let Beam pipelines without options run in this process.

    A default rather than an option: a stage that is given any option of its own first packs all of TFX into
    an archive for remote workers, which takes seconds; and BeamDagRunner takes no options for the Beam
    pipeline that runs the stages.
    """
    default_runner = StandardOptions.DEFAULT_RUNNER
    StandardOptions.DEFAULT_RUNNER = _FN_API_RUNNER
    try:
        yield
    finally:
        StandardOptions.DEFAULT_RUNNER = default_runner
