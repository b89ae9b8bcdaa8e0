"""What people decided, in pages and model cards that are there already."""

from reviews import bare_review, whole_review

from components.approval_gate.approvals import Record
from components.review_report.card import model_card
from components.review_report.marks import marked
from components.review_report.page import Origin, render

ORIGIN = Origin("20261123-100000")
HOSTILE = "</div><script>x</script> **bold** <!--/decision--> & co"


def record(action, **fields):
    return Record("2026-11-23T10:00:00+0100", "anna", action, note=HOSTILE, **fields)


def test_a_mark_is_text_and_goes_as_it_came():
    texts = {
        "index.html": render(whole_review(), ORIGIN),
        "/runs/7/model_card.md": model_card(bare_review(), ORIGIN),
    }
    for file, text in texts.items():
        overridden = marked(file, text, record("approve", override="yes"))
        assert "Approved against the rules by anna on 2026-11-23T10:00:00+0100" in overridden
        assert "&lt;script&gt;x&lt;/script&gt;" in overridden
        assert overridden.count("<!--/decision-->") == 1
        assert "**bold**" not in overridden or file == "index.html"
        rejected = marked(file, overridden, record("reject"))
        assert "against the rules by" not in rejected
        assert "Rejected by anna" in rejected
        withdrawn = marked(file, rejected, record("rollback", restored="7"))
        assert "Withdrawn in favour of version 7 by anna" in withdrawn
        assert marked(file, withdrawn, None) == text


def test_a_page_from_before_there_was_a_place_stays_as_it_is():
    assert marked("index.html", "<p>old</p>", record("reject")) == "<p>old</p>"
