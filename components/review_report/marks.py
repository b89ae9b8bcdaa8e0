"""What people decided about a model, in its page and model card, which were made before anyone could decide.

Both have an empty place for it. The table of approvals is what counts; a mark only repeats it to readers.
Imports no TensorFlow.
"""

import html
import re
from pathlib import PurePosixPath

from components.approval_gate.approvals import Record
from components.review_report.settings import CARD_FILE

# Comments in HTML and in Markdown alike.
_BEGIN, _END = "<!--decision-->", "<!--/decision-->"
EMPTY = _BEGIN + _END
_PLACE = re.compile(f"{_BEGIN}.*?{_END}", re.DOTALL)
# How the page shows it: class of the style sheet and sign.
_LOOKS = {"approve": ("accepted", "✓"), "reject": ("stopped", "✕"), "rollback": ("stopped", "✕")}


def marked(file: str, text: str, record: Record | None) -> str:
    """The text with the present word in the place for it; unchanged if it has none.

    Args:
        file: name or path of the page or card, which tells how to write.
        text: its content.
        record: the decision in force; None for none.
    """
    is_card = PurePosixPath(file).name == CARD_FILE
    told = "" if record is None else _in_card(record) if is_card else _in_page(record)
    return _PLACE.sub(lambda _: f"{_BEGIN}{told}{_END}", text, count=1)


def _in_page(record: Record) -> str:
    kind, sign = ("warned", "!") if record.override else _LOOKS[record.action]
    return (
        f'<div class="verdict {kind}" id="decision"><span class="mark" aria-hidden="true">{sign}</span>'
        f"<span>{html.escape(_told(record))}</span></div>"
    )


def _in_card(record: Record) -> str:
    # The note is a person's; it must not become markup, nor end the comment around it.
    return f"\n\n**{html.escape(_told(record), quote=False).replace('*', '')}**\n\n"


def _told(record: Record) -> str:
    what = {
        "approve": "Approved against the rules" if record.override else "Approved",
        "reject": "Rejected",
        "rollback": f"Withdrawn in favour of version {record.restored}",
    }[record.action]
    return f"{what} by {record.by} on {record.when}" + (f": {record.note}" if record.note else "")
