import pytest

from components.training.course import Course
from components.training.settings import ScheduleSettings

SETTINGS = ScheduleSettings(
    steps=1000, frozen_steps=200, max_minutes=10, learning_rate=1e-3, fine_tune_learning_rate=1e-4
)


def test_rate_warms_up_and_decays_to_one_percent() -> None:
    course = Course.planned(SETTINGS, pretrained=False)
    rates = [course.learning_rate(step) for step in range(1000)]
    assert rates[0] < 1e-4
    assert max(rates) == pytest.approx(1e-3, rel=0.01)
    assert rates[-1] == pytest.approx(1e-5, rel=0.01)
    assert rates[100:] == sorted(rates[100:], reverse=True)


def test_rate_can_stay_constant_and_start_without_a_warm_up() -> None:
    constant = SETTINGS.model_copy(update={"rate_schedule": "constant", "warm_up_steps": 0})
    course = Course.planned(constant, pretrained=True)
    assert {course.learning_rate(step) for step in range(200)} == {1e-3}
    assert {course.learning_rate(step) for step in range(200, 1000)} == {1e-4}
    slow = Course.planned(constant.model_copy(update={"warm_up_steps": 100}), pretrained=True)
    assert slow.learning_rate(49) == pytest.approx(5e-4)
    assert slow.learning_rate(200) == pytest.approx(1e-6)


def test_tuned_encoder_has_its_own_rate() -> None:
    course = Course.planned(SETTINGS, pretrained=True)
    assert course.frozen(199)
    assert not course.frozen(200)
    assert course.learning_rate(199) > 8e-4
    assert course.learning_rate(200) < 1e-5
    assert 8e-5 < course.learning_rate(240) < 1e-4
    assert not Course.planned(SETTINGS, pretrained=False).frozen(0)


def test_time_changes_nothing_while_the_budget_is_safe() -> None:
    course = Course.planned(SETTINGS, pretrained=True)
    assert course.replanned(100, 20.0, 0.2) == course
    assert course.replanned(500, 300.0, 0.4) == course


def test_whole_schedule_shrinks_into_the_budget() -> None:
    course = Course.planned(SETTINGS, pretrained=True).replanned(100, 60.0, 1.0)
    assert course.steps < 500
    # The frozen part shrinks by as much as the rest.
    assert 100 < course.frozen_steps < 200
    # 100 steps took a minute, the rest must fit into the other nine.
    left_s = (course.frozen_steps - 100) * 1.0 + (course.steps - course.frozen_steps) * 1.6
    assert left_s <= 540
    assert course.learning_rate(course.steps - 1) < 2e-6


def test_a_faster_machine_gets_its_steps_back_and_a_spent_budget_ends_at_once() -> None:
    course = Course.planned(SETTINGS, pretrained=True).replanned(300, 300.0, 2.0)
    assert course.steps == 450
    assert course.replanned(400, 310.0, 0.1).steps == 1000
    assert course.replanned(400, 700.0, 0.1).steps == 400
