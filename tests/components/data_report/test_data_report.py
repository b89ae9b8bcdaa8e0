"""The survey and the page, from artifacts that the real stages made."""

import html
import re
from dataclasses import replace

import pytest
from google.protobuf import text_format
from stages import HOSTILE_LABEL, HOSTILE_NAME, ORDINARY
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import artifact_utils, channel_utils, standard_artifacts
from told import told_progress

from components.data_gate.artifact import DataSetReport
from components.data_gate.judgement import JUDGEMENT_FILE, Distance, Judgement, Rule, from_json
from components.data_gate.settings import AcceptanceSettings
from components.data_report.collect import Sources, SplitCount, survey
from components.data_report.component import DataReport
from components.data_report.histograms import Histogram
from components.data_report.page import render
from components.data_report.quarantine import Used, UsedGroup, read_quarantine
from components.data_report.settings import DataReportSettings
from components.examples import FILE_BYTES, SPLITS
from components.image_screener.flagged import QUARANTINE_CSV, Flagged, table_of_flagged
from components.ship_example_gen.component import LabelReport
from components.ship_example_gen.quality import SCALARS
from schemas import SHIP_IMAGES

# All data stages run for these.
pytestmark = pytest.mark.slow

IMAGES = ORDINARY + 6
QUARANTINED = {"black.jpg", "small.jpg", "unlabelled.jpg", "torn.jpg", HOSTILE_NAME}


@pytest.fixture(scope="session")
def surveyed(artifacts):
    uris = {name: artifact_utils.get_single_uri(made) for name, made in artifacts.items() if name != "schema"}
    schema = text_format.Parse(SHIP_IMAGES.read_text(), schema_pb2.Schema())
    with told_progress() as told:
        found = survey(Sources(**uris), schema, DataReportSettings(thumbnails=3))
    assert (told[-1].done, told[-1].total) == (IMAGES, IMAGES)
    return found


def test_every_image_is_counted_once(surveyed):
    assert [row.split for row in surveyed.splits] == list(SPLITS)
    assert surveyed.total.images == sum(surveyed.groups.values()) == IMAGES
    assert surveyed.total.quarantined == len(QUARANTINED)
    by_group = {group: 0 for _, group in surveyed.groups}
    for (_, group), images in surveyed.groups.items():
        by_group[group] += images
    assert by_group == {"0": 10, "1-2": 10}


def test_every_measure_has_a_histogram_of_all_images_that_have_it(surveyed):
    found = {measure.name: histogram for measure, histogram in surveyed.measures}
    assert set(found) >= {*SCALARS, FILE_BYTES}
    decodable = IMAGES - 1
    counts = {name: sum(map(sum, histogram.counts.values())) for name, histogram in found.items()}
    assert counts == {name: decodable + (name == FILE_BYTES) for name in found}
    assert {measure.missing for measure, _ in surveyed.measures} == {0, 1}


def test_ships_are_counted_and_measured(surveyed):
    assert sum(map(sum, surveyed.ship_counts.counts.values())) == 10
    areas = surveyed.ship_areas.trimmed()
    assert sum(map(sum, areas.counts.values())) == 20
    assert areas.axis.edge(0) <= 400 <= areas.axis.edge(areas.axis.bins)


def test_pictures_are_the_accepted_ones_at_the_ends(surveyed):
    assert [one.image_id for one in surveyed.darkest] == ["sea00.jpg", "sea01.jpg", "sea02.jpg"]
    assert [one.image_id for one in surveyed.brightest] == ["sea13.jpg", "sea12.jpg", "sea11.jpg"]
    assert len({one.image_id for one in surveyed.unusual}) == len(surveyed.unusual) == 3
    departures = [abs(one.departure) for one in surveyed.unusual]
    assert departures == sorted(departures, reverse=True)
    shown = {one.image_id for one in (*surveyed.brightest, *surveyed.darkest, *surveyed.unusual)}
    assert not shown & QUARANTINED


def test_quarantine_is_grouped_by_the_first_reason(surveyed):
    groups = {group.reason: {one.image_id for one in group.shown} for group in surveyed.quarantine}
    assert set().union(*groups.values()) == QUARANTINED
    assert groups["decode_ok"] == {HOSTILE_NAME}
    assert groups["label_ok"] == {"unlabelled.jpg", "torn.jpg"}
    assert groups["height"] == {"small.jpg"}
    assert [group.total for group in surveyed.quarantine] == [2, 1, 1, 1]
    thumbnails = {one.image_id: one.thumbnail for group in surveyed.quarantine for one in group.shown}
    assert thumbnails.pop(HOSTILE_NAME) == ""
    assert all(uri.startswith("data:image/jpeg;base64,/9j/") for uri in thumbnails.values())


def test_names_that_are_not_utf8_stay_apart_and_can_be_shown(surveyed, tmp_path):
    rows = [
        Flagged(name, "test_ships", "quarantined", "height 9", "", ("height",))
        for name in ("b\udce4r.jpg", "b\udcf6r.jpg")
    ]
    (tmp_path / QUARANTINE_CSV).write_bytes(table_of_flagged(rows))
    assert read_quarantine(str(tmp_path)).per_split() == {"test_ships": 2}
    used = UsedGroup("warned", 1, (Used("b\udce4r.jpg", "test_ships", "height 9"),))
    assert "b\ufffdr.jpg" in render(replace(surveyed, used=(used,)), Judgement()).encode().decode()


def test_flagged_images_may_be_accepted(surveyed):
    (group,) = surveyed.used
    assert (group.outcome, group.total) == ("warned", 1)
    assert group.examples[0].image_id == "gray.jpg"
    assert "channels 1" in group.examples[0].reasons
    assert "gray.jpg" not in {one.image_id for found in surveyed.quarantine for one in found.shown}


def test_label_issues_and_anomalies_are_told(surveyed):
    kinds = {(issue.kind, issue.action): issue.total for issue in surveyed.label_issues}
    assert kinds[("identical rows", "repaired")] == 1
    assert kinds[("labels without image", "ignored")] == 1
    assert any(anomaly.feature == "height" for anomaly in surveyed.anomalies)
    assert all(len(text) < 500 for anomaly in surveyed.anomalies for text in anomaly.descriptions.values())


def test_gallery_is_capped_and_says_so(make_page):
    text = make_page(DataReportSettings(thumbnails=0, quarantined=3)).read_text(encoding="utf-8")
    assert f"3 of {len(QUARANTINED)} quarantined images" in text
    assert text.count("<figcaption>\n          <span") == 3
    assert "quarantine.csv" in text


def test_whatever_users_write_is_escaped(page):
    text = page.read_text(encoding="utf-8")
    assert html.escape(HOSTILE_NAME, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text
    assert HOSTILE_NAME not in text
    assert HOSTILE_LABEL not in text
    assert "<img src=x" not in text
    assert text.count("<script") == 1


def test_page_names_nothing_outside_itself(page):
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)[^\"]*", text)
    assert "url(" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert len(text) < 5_000_000


def test_the_verdict_is_on_the_page_and_beside_it(page):
    judgement = from_json((page.parent / JUDGEMENT_FILE).read_bytes())
    rules = {rule.name: rule for rule in judgement.rules}
    share = f"{len(QUARANTINED) / IMAGES:.1%} ({len(QUARANTINED)} of {IMAGES})"
    assert rules["quarantined images"].measured == share
    text = page.read_text(encoding="utf-8")
    assert all(html.escape(rule.measured) in text for rule in judgement.rules)


def _rule(action, passed):
    return Rule("quarantined images", action, "3 of 9", "at most 1", passed, ("<b>a</b>",))


@pytest.mark.parametrize(
    ("rules", "state", "told"),
    [
        ([], "unjudged", "Not judged"),
        ([("stop", True), ("warn", True)], "accepted", "every rule is kept"),
        ([("stop", True), ("warn", False)], "warned", "1 broken rule."),
        ([("stop", False), ("warn", False)], "stopped", "1 broken rule stops the run"),
    ],
)
def test_verdict_stands_on_top(surveyed, rules, state, told):
    text = render(surveyed, Judgement(tuple(_rule(*rule) for rule in rules)))
    assert f'class="verdict {state}"' in text
    assert told in text
    assert text.count("&lt;b&gt;a&lt;/b&gt;") == len(rules)
    assert "No distances were measured" in text


def test_page_of_nothing_says_so(surveyed):
    nothing = replace(
        surveyed,
        splits=tuple(SplitCount(split, 0, 0) for split in SPLITS),
        groups={},
        measures=(),
        ship_counts=Histogram(surveyed.ship_counts.axis),
        ship_areas=Histogram(surveyed.ship_areas.axis),
        **dict.fromkeys(
            ("brightest", "darkest", "unusual", "anomalies", "label_issues", "quarantine", "used"), ()
        ),
    )
    text = render(nothing, Judgement())
    assert "No image could be measured." in text
    assert "Empty: every image was accepted." in text


def test_distances_are_bars_against_their_threshold(surveyed):
    distances = tuple(
        Distance("luma_mean", kind, "now / then", "Jensen-Shannon divergence", value, threshold)
        for kind, value, threshold in [("drift", 0.05, 0.1), ("drift", 0.2, 0.1), ("skew", 0.0, 0.0)]
    )
    text = render(surveyed, Judgement(distances=distances))
    widths = [
        float(width) for width in re.findall(r'<rect(?: class="over")? x="0" y="2" width="([\d.]+)"', text)
    ]
    assert widths == [100, 25, 0]
    assert text.count('class="over"') == 1


def test_component_wires_what_the_stages_make(artifacts):
    inputs = {name: channel_utils.as_channel(made) for name, made in artifacts.items()}
    own = {"model_store": "models", "acceptance": AcceptanceSettings(on_skew="ignore"), "source": "train_v2"}
    report = DataReport(**inputs, settings=DataReportSettings(thumbnails=4), **own)
    assert report.outputs["report"].type is DataSetReport
    assert AcceptanceSettings.model_validate_json(report.exec_properties["acceptance"]).on_skew == "ignore"
    assert DataReportSettings.model_validate_json(report.exec_properties["settings"]).thumbnails == 4
    with pytest.raises(TypeError, match="LabelReport"):
        wrong = {"label_report": channel_utils.as_channel([standard_artifacts.Examples()])}
        DataReport(**{**inputs, **wrong}, **own)
    assert artifacts["label_report"][0].type is LabelReport
