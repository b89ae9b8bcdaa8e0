"""Keeps what libraries write to standard output and error out of the terminal, and in a file."""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


@contextlib.contextmanager
def libraries_into(log: Path) -> Iterator[TextIO]:
    """Send everything that this process prints into `log`, native code included; give the real stderr.

    The file descriptors are redirected, not Python's streams: TensorFlow, libjpeg and gRPC print from C++.
    """
    # Read when TensorFlow is first used: errors alone. As the process ends it warns of each step that failed,
    # a damaged image's too, and by then the terminal is the process's own again.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stdout.flush()
    sys.stderr.flush()
    real_out, real_err = os.dup(1), os.dup(2)
    with log.open("a", encoding="utf-8") as file, os.fdopen(os.dup(real_err), "w", buffering=1) as terminal:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root = logging.getLogger()
        level, handlers = root.level, root.handlers[:]
        root.handlers[:] = [handler]
        root.setLevel(logging.INFO)
        try:
            with warnings.catch_warnings():
                # Named in the log once each; most are deprecations inside of libraries.
                warnings.simplefilter("once")
                yield terminal
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(real_out, 1)
            os.dup2(real_err, 2)
            os.close(real_out)
            os.close(real_err)
