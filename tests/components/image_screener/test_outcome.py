import pytest

from components.image_screener.decisions import Decision
from components.image_screener.outcome import Outcome, settle
from components.image_screener.screening import Finding

DARK = Finding("luma_mean", "1", "[2, 200]")
CLOUD = Finding("cloud_fraction", "0.9", "[0, 0.8]")
BROKEN = Finding("decode_ok", "0", "[1, 1]")
RESTORE = Decision("a.jpg", "00", "restore", "Ada", "2026-01-01T00:00:00", "night pass")
DROP = Decision("a.jpg", "00", "drop", "Ada", "2026-01-01T00:00:00", "")


def test_without_settings_every_finding_quarantines():
    assert settle([], {}, None) == Outcome("clean")
    assert settle([DARK], {}, None) == Outcome("quarantined", (str(DARK),), ("luma_mean",))


def test_the_gravest_action_counts():
    assert settle([DARK, CLOUD], {"luma_mean": "warn"}, None).fate == "quarantined"
    assert settle([DARK, CLOUD], {"luma_mean": "warn", "cloud_fraction": "warn"}, None).fate == "warned"
    stopped = settle([DARK, CLOUD], {"cloud_fraction": "stop"}, None)
    assert (stopped.fate, stopped.features, stopped.stopping) == (
        "stop",
        ("luma_mean", "cloud_fraction"),
        ("cloud_fraction",),
    )


def test_ignored_findings_are_not_told():
    assert settle([DARK], {"luma_mean": "ignore"}, None) == Outcome("clean")
    both = settle([DARK, CLOUD], {"luma_mean": "ignore"}, None)
    assert (both.fate, both.features) == ("quarantined", ("cloud_fraction",))


@pytest.mark.parametrize("action", ["warn", "ignore", "quarantine"])
def test_what_cannot_be_used_is_quarantined_whatever_is_set(action):
    assert settle([BROKEN], {"decode_ok": action}, None).fate == "quarantined"
    assert settle([BROKEN], {"decode_ok": action}, RESTORE).fate == "quarantined"


def test_a_person_overrules_the_schema():
    restored = settle([DARK], {"luma_mean": "stop"}, RESTORE)
    assert (restored.fate, restored.is_kept) == ("restored", True)
    assert restored.reasons == ("restored by Ada: night pass", str(DARK))
    assert settle([], {}, DROP) == Outcome("dropped", ("dropped by Ada",))
    assert not settle([], {}, DROP).is_kept
    assert settle([], {}, RESTORE).fate == "clean"
