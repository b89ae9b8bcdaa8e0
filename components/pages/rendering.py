"""A page as one HTML file that needs nothing else, and in which no script but its own can run."""

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import jinja2

from components.pages.numbers import number, percent

_SHARED = Path(__file__).resolve().parent / "templates"


def render_page(
    templates: Path,
    *,
    made_at: datetime | None = None,
    filters: dict[str, Callable[..., object]] | None = None,
    **shown: object,
) -> str:
    """Render `page.html.jinja` of a folder, which extends `frame.html.jinja`.

    Bytes of file names that are not UTF-8, escaped by Python as surrogates, become "\ufffd".

    The frame includes `page.css` and the script `page.js` of the same folder. Values are escaped; the page's
    security policy names the script by its hash, so that one that came in with the data would not run.

    Args:
        templates: the folder.
        made_at: when; now if None.
        filters: of the page, beside `count`, `number` and `percent`.
        **shown: what the template shows.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates, _SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": "{:,}".format, "number": number, "percent": percent, **(filters or {})}
    script = (templates / "page.js").read_text(encoding="utf-8")
    page = environment.get_template("page.html.jinja").render(
        made_at=(made_at or datetime.now(UTC)).strftime("%-d %B %Y, %H:%M UTC"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **shown,
    )
    return page.encode(errors="surrogateescape").decode(errors="replace")


def templates_digest(templates: Path) -> str:
    """Changes with every file a page is made from, as `components.code_digest` does with modules."""
    digest = hashlib.sha256()
    for folder in (_SHARED, templates):
        for file in sorted(folder.iterdir()):
            digest.update(file.name.encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
