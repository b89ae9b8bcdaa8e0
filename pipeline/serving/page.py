"""The page to try the model: one HTML file that asks nothing but this server."""

import base64
import hashlib
from functools import cache
from pathlib import Path

import jinja2

from pipeline.serving.options import Limits

_TEMPLATES = Path(__file__).resolve().parent / "templates"


def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# Nothing but what stands in the templates is run, styled or asked for.
SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        f"script-src {_hash(_text('page.js'))}",
        f"style-src {_hash(_text('page.css'))}",
        "img-src blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)


@cache
def render(model: str, limits: Limits) -> str:
    """The page.

    Args:
        model: its name, as requests state it.
        limits: told to the reader, and checked before anything is sent.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("page.html.jinja").render(
        model=model, limits=limits, script=_text("page.js"), style=_text("page.css")
    )
