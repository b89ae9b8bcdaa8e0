"""The rules by which a candidate is judged. Imports no TensorFlow."""

from collections.abc import Collection, Iterable, Iterator
from functools import partial

from components.errors import SettingsError
from components.evaluation.settings import RuleSettings
from components.evaluation.slices import Evaluation, Figure, Slice
from components.evaluation.verdict import Check, Outcome, Verdict

# A value that differs from its bound by rounding alone keeps it.
_ROUNDING = 1e-9


def check_slices(rules: Iterable[RuleSettings], measured: Collection[frozenset[str]]) -> None:
    """Refuse rules about slices that the evaluation does not make, before hours are spent on a model.

    Args:
        rules: the rules.
        measured: sets of features by which the evaluation slices.

    Raises:
        SettingsError: naming the rule and the slices there are.
    """
    for number, rule in enumerate(rules):
        if frozenset(rule.slice) not in measured:
            known = "; ".join(", ".join(sorted(features)) for features in measured if features)
            raise SettingsError(
                f"evaluation.rules.{number}.slice = {rule.slice}: the evaluation is not sliced by "
                f"{' and '.join(sorted(rule.slice))}, but by {known}"
            )


def judge(evaluation: Evaluation, rules: Iterable[RuleSettings]) -> Verdict:
    """Hold an evaluation against the rules.

    A rule that cannot be judged says so and why, rather than to pass or to fail by chance. That there is no
    pushed model yet is no reason to wait for a person.
    """
    return Verdict(tuple(check for rule in rules for check in _checks(evaluation, rule)))


def _checks(evaluation: Evaluation, rule: RuleSettings) -> Iterator[Check]:
    part = _slice(evaluation.candidate, rule)
    figure = part.figures.get((rule.head, rule.metric)) if part else None
    baseline = _slice(evaluation.baseline, rule)
    pushed = baseline.value(rule.head, rule.metric) if baseline else None
    check = partial(
        Check,
        metric=rule.metric,
        head=rule.head,
        slice=rule.slice,
        images=part.images if part else 0,
        value=figure.value if figure else None,
        lower=figure.lower if figure else None,
        upper=figure.upper if figure else None,
    )
    doubt = _doubt(part, figure, rule)
    held = rule.unjudged == "hold"
    if rule.min is not None:
        outcome = "cannot be judged" if doubt else _outcome(figure, rule.min)
        yield check(kind="min", allowed=rule.min, outcome=outcome, holds=_holds(outcome, held), reason=doubt)
    if rule.max_drop is not None:
        gain = part.gains.get((rule.head, rule.metric)) if part else None
        # What is in doubt is the difference, which two models on the same images share most of their luck in.
        doubt = _doubt(part, gain or figure, rule)
        if not evaluation.baseline:
            doubt, held = "no model was pushed yet", False
        elif pushed is None:
            doubt = doubt or "the pushed model has no value"
        outcome = "cannot be judged" if doubt or pushed is None else _outcome(figure, pushed - rule.max_drop)
        yield check(
            kind="max_drop",
            allowed=rule.max_drop,
            outcome=outcome,
            holds=_holds(outcome, held),
            reason=doubt,
            baseline=pushed,
            gain=gain,
        )


def _outcome(figure: Figure | None, least: float) -> Outcome:
    return "pass" if figure is not None and figure.value >= least - _ROUNDING else "fail"


def _holds(outcome: Outcome, held_if_unjudged: bool) -> bool:
    return outcome == "fail" or (outcome == "cannot be judged" and held_if_unjudged)


def _slice(slices: list[Slice], rule: RuleSettings) -> Slice | None:
    return next((part for part in slices if part.matches(rule.slice)), None)


def _doubt(part: Slice | None, figure: Figure | None, rule: RuleSettings) -> str:
    """Why a value says too little to judge by, "" if it does not."""
    if part is None:
        return "no test image in this slice"
    if part.images < rule.min_images:
        return f"{part.images} test images, fewer than {rule.min_images}"
    if figure is None:
        return "the metric is not defined on this slice"
    if rule.max_interval is not None:
        if figure.lower is None or figure.upper is None:
            return "no interval; one image has none, and some metrics need evaluation.confidence_intervals"
        if figure.upper - figure.lower > rule.max_interval:
            return f"interval {figure.upper - figure.lower:.2f} wide, more than {rule.max_interval:g}"
    return ""
