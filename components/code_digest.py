"""Digest of the source code that a stage runs, so that an edited stage is not served from the cache.

TFX keys its cache on inputs and execution properties; a stage named by a dotted path has the same key
whatever its code says. Each component puts `code_digest(...)` of what it runs into its execution properties.
"""

import hashlib
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


def code_digest(*paths: str) -> str:
    """SHA-256 (first 16 hex digits) over Python sources.

    Args:
        *paths: files or folders relative to the folder that holds `components/`; a folder stands for all
            Python files in it, at any depth.

    Raises:
        FileNotFoundError: a path names nothing, most likely because it was moved without this call.
    """
    digest = hashlib.sha256()
    for path in sorted(paths):
        top = _ROOT / path
        files = sorted(top.rglob("*.py")) if top.is_dir() else [top]
        if not files:
            raise FileNotFoundError(f"no Python source under {top}")
        for file in files:
            digest.update(file.relative_to(_ROOT).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
