"""Digest of the source code that a stage runs, so that an edited stage is not served from the cache.

TFX keys its cache on inputs and execution properties; a stage named by a dotted path has the same key
whatever its code says. Each component puts `code_digest(...)` of the module it runs into its execution
properties: an edited loss retrains the segmenter, and nothing that does not import the loss.
"""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_PACKAGE = "components"
# What these do never changes an artifact.
_WITHOUT_EFFECT = frozenset({"components.code_digest", "components.errors", "components.progress"})


def code_digest(*modules: str) -> str:
    """SHA-256 (first 16 hex digits) over the sources of modules and of all of `components` they import.

    Args:
        *modules: dotted names, such as "components.training.segmenter".

    Raises:
        ModuleNotFoundError: a name stands for no module of `components`.
    """
    digest = hashlib.sha256()
    for module in sorted(_closure(modules)):
        digest.update(module.encode())
        digest.update(_source(module).read_bytes())
    return digest.hexdigest()[:16]


def _closure(modules: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(set(_imports(module)) - _WITHOUT_EFFECT)
    return found


def _imports(module: str) -> Iterator[str]:
    """Modules of the package that are imported anywhere in a module, also inside functions."""
    for node in ast.walk(ast.parse(_source(module).read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from package import name`: the name may be a module, and the package's own code runs too.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] == _PACKAGE and _source(name, missing_ok=True).exists():
                yield name


def _source(module: str, missing_ok: bool = False) -> Path:
    path = _ROOT.joinpath(*module.split("."))
    if "/" in module:
        raise ModuleNotFoundError(f"expected a dotted name such as components.masks.rle, got {module}")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not missing_ok and not file.exists():
        raise ModuleNotFoundError(f"no module {module} under {_ROOT}", name=module)
    return file
