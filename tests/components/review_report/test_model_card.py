"""The model card, from reviews that have everything and next to nothing."""

import re
from dataclasses import replace

from reviews import bare_review, whole_review

from components.review_report.card import model_card
from components.review_report.page import Origin

HISTORY = {
    "settings": {"architecture": "pretrained", "loss": "focal_dice", "seed": 3},
    "parameters": 3_900_000,
    "weights": {"encoder": "efficientnet_lite0", "licence": "Apache-2.0", "sha256": "12ab"},
    "epochs": [{"step": 5, "eval_score": 0.4, "best": 0}, {"step": 9, "eval_score": 0.61, "best": 1}],
}
TUNING = {
    "thresholds": {"mask_threshold": 0.55, "min_ship_pixels": 20, "classifier_threshold": 0.1},
    "objective": "mean over images of hard dice",
    "images": 40,
    "ships": 22,
    "mask_thresholds": [0.5, 0.51, 0.52, 0.53, 0.6],
    "min_ship_pixels": [0, 20],
    "dice_by_area": [[0.1, 0.1, 0.1, 0.1, 0.1], [0.71, 0.72, 0.73, 0.74, 0.65]],
}
ORIGIN = Origin("20260102-030405", digests=(("data digest", "feed"),))


def test_it_tells_networks_data_decisions_and_where_the_model_is_weak() -> None:
    found = replace(whole_review(), networks={"Segmenter": HISTORY}, thresholds=TUNING)
    card = model_card(found, ORIGIN)
    assert "3,900,000 parameters" in card
    assert "loss `focal_dice`" in card
    assert "eval score 0.61 after 9 steps" in card
    assert "licence Apache-2.0, sha256 12ab" in card
    assert "data digest: `feed`" in card
    assert "quarantined images: 3 % (asked: at most 20 %), kept" in card
    # The row of the minimal area in force.
    assert re.search(r"\| 0\.5 \| 0\.710 \|\n\| 0\.6 \| 0\.650 \|", card)
    weakest = card[card.index("## Known weaknesses") :]
    # The slice of a single image is not judged.
    assert weakest.index("Source sea: dice 0.450 on 5 images") < weakest.index("with ships: dice 0.550")
    assert "harbour" not in weakest


def test_markup_in_names_of_the_data_stays_text() -> None:
    found = whole_review()
    parts = [replace(part, features={"<b>|x": "y\n# z"}) for part in found.evaluation.candidate[:1]]
    card = model_card(replace(found, evaluation=replace(found.evaluation, candidate=parts)), ORIGIN)
    assert "| &lt;b>/x y # z | 6 |" in card
    assert "\n# z" not in card


def test_the_least_there_can_be_says_what_is_not_known() -> None:
    card = model_card(bare_review(), Origin("RUN"))
    assert card.count("Not known.") == 2
    assert "nothing can be said" in card
