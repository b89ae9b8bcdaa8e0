import pytest

from components.evaluation.names import CASCADE, CLASSIFIER, DICE
from components.evaluation.rules import judge
from components.evaluation.settings import EvaluationSettings, RuleSettings
from components.evaluation.slices import Evaluation, Figure, Slice
from components.evaluation.verdict import from_json, to_json
from components.examples import HAS_SHIP, SHIP_GROUP

SHIPS = {HAS_SHIP: "1"}


def part(features, dice, images=50, reach=0.05):
    figures = {(CLASSIFIER, "example_count"): Figure(images)}
    if dice is not None:
        interval = (dice - reach, dice + reach) if reach is not None else (None, None)
        figures[CASCADE, DICE] = Figure(dice, *interval)
    return Slice(features, figures)


def checks(candidate, baseline=(), **rule):
    rule = RuleSettings.model_validate({"metric": "dice", "slice": SHIPS, **rule})
    verdict = judge(Evaluation(list(candidate), list(baseline)), [rule])
    assert from_json(to_json(verdict)) == verdict
    return verdict


@pytest.mark.parametrize(
    ("rule", "dice", "pushed", "state"),
    [
        ({"min": 0.5}, 0.5, None, "passed"),
        ({"min": 0.5}, 0.499, None, "failed"),
        ({"max_drop": 0.1}, 0.2, None, "passed"),  # nothing was pushed yet
        ({"max_drop": 0.1}, 0.6, 0.7, "passed"),
        ({"max_drop": 0.1}, 0.59, 0.7, "failed"),
        ({"max_drop": 0.0}, 0.8, 0.7, "passed"),
        ({"min": 0.5, "max_drop": 0.1}, 0.55, 0.7, "failed"),
        ({"min": 0.5, "max_drop": 0.1}, 0.45, 0.5, "failed"),
    ],
)
def test_bounds(rule, dice, pushed, state):
    baseline = [part(SHIPS, pushed)] if pushed is not None else []
    verdict = checks([part({}, 0.9), part(SHIPS, dice)], baseline, **rule)
    assert verdict.state == state
    assert len(verdict.checks) == len(rule)


@pytest.mark.parametrize(
    ("candidate", "baseline", "rule", "reason"),
    [
        ([part({}, 0.9)], [], {}, "no test image"),
        ([part(SHIPS, 0.9, images=9)], [], {"min_images": 10}, "9 test images, fewer than 10"),
        ([part(SHIPS, None)], [], {}, "not defined"),
        ([part(SHIPS, 0.9, reach=0.2)], [], {"max_interval": 0.3}, "0.40 wide, more than 0.3"),
        ([part(SHIPS, 0.1, reach=0.2)], [], {"max_interval": 0.3}, "0.40 wide, more than 0.3"),
        ([part(SHIPS, 0.9, images=1, reach=None)], [], {"max_interval": 0.3}, "no interval"),
        (
            [part(SHIPS, 0.9)],
            [part({}, 0.9)],
            {"min": None, "max_drop": 0.1},
            "the pushed model has no value",
        ),
        ([part(SHIPS, 0.9)], [part(SHIPS, None)], {"min": None, "max_drop": 0.1}, "the pushed model has no"),
    ],
)
def test_what_cannot_be_judged_says_why_and_neither_passes_nor_fails(candidate, baseline, rule, reason):
    for unjudged, state in (("hold", "undecided"), ("ignore", "passed")):
        verdict = checks(candidate, baseline, **{"min": 0.5, **rule}, unjudged=unjudged)
        (check,) = verdict.checks
        assert check.outcome == "cannot be judged"
        assert reason in check.reason
        assert reason in str(check)
        assert verdict.state == state


def test_a_first_model_waits_for_nobody_though_it_has_nothing_to_compare_with():
    at_least, drop = checks([part(SHIPS, 0.9)], min=0.5, max_drop=0.1).checks
    assert (at_least.outcome, drop.outcome, drop.holds) == ("pass", "cannot be judged", False)


def test_a_broken_rule_weighs_more_than_one_that_cannot_be_judged():
    rules = [
        RuleSettings(metric="dice", slice={SHIP_GROUP: "3-4"}, min=0.1),
        RuleSettings(metric="dice", slice=SHIPS, min=0.9),
    ]
    verdict = judge(Evaluation([part(SHIPS, 0.5)], []), rules)
    assert verdict.state == "failed"
    assert len(verdict.held) == 2


@pytest.mark.parametrize(
    ("dice", "pushed", "state"),
    [(0.41, None, "passed"), (0.39, None, "failed"), (0.6, 0.61, "passed"), (0.6, 0.63, "failed")],
)
def test_the_default_asks_for_the_aim_of_the_report_and_no_step_back(dice, pushed, state):
    baseline = [part(SHIPS, pushed)] if pushed is not None else []
    evaluation = Evaluation([part({}, 0.1), part(SHIPS, dice)], baseline)
    assert judge(evaluation, EvaluationSettings().rules).state == state


def test_numbers_in_a_slice_are_read_as_the_text_that_slices_have():
    assert RuleSettings.model_validate({"metric": "dice", "min": 0, "slice": {HAS_SHIP: 1}}).slice == SHIPS
