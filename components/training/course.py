"""How a training runs: how many steps, at which rate, when to stop. Plain Python, no network in it."""

import math
from dataclasses import dataclass, replace

from components.training.settings import ScheduleSettings

_LAST_RATE_SHARE = 0.01
# A step with a tuned encoder took 1.6 times one with a frozen encoder (371 against 227 ms, batch 8 of
# 256 px crops, two cores).
_TUNED_STEP_COST = 1.6


@dataclass(frozen=True)
class Course:
    """The steps that are planned as things stand.

    Attributes:
        steps: all steps.
        frozen_steps: the first of them, in which the pretrained encoder is frozen.
        pretrained: whether there is a pretrained encoder.
        settings: what was asked for.
    """

    steps: int
    frozen_steps: int
    pretrained: bool
    settings: ScheduleSettings

    @classmethod
    def planned(cls, settings: ScheduleSettings, pretrained: bool) -> "Course":
        """The course as the settings ask for it."""
        frozen_steps = min(settings.frozen_steps, settings.steps) if pretrained else 0
        return cls(settings.steps, frozen_steps, pretrained, settings)

    def frozen(self, step: int) -> bool:
        """Whether the encoder is frozen in step number `step` (from 0)."""
        return step < self.frozen_steps

    def replanned(self, step: int, elapsed_s: float, step_s: float) -> "Course":
        """The course that fits into `max_minutes` after `step` steps, the latest at `step_s` seconds each.

        A run that time would cut off at a high rate ends worse than a shorter run whose rate decays to the
        end, so the whole schedule shrinks (and grows back if steps become faster). While the budget is not in
        danger the course stays as the settings ask, and time has no influence on the result.
        """
        planned = Course.planned(self.settings, self.pretrained)
        frozen_steps = planned.frozen_steps if self.frozen(step) else self.frozen_steps
        frozen_left = max(frozen_steps - step, 0)
        tuned_left = planned.steps - step - frozen_left
        tuned_step_s = step_s * (_TUNED_STEP_COST if self.frozen(step) else 1)
        needed_s = frozen_left * step_s + tuned_left * tuned_step_s
        left_s = max(self.settings.max_minutes * 60 - elapsed_s, 0.0)
        share = 1.0 if needed_s <= left_s else left_s / needed_s
        return replace(
            self,
            steps=step + int((frozen_left + tuned_left) * share),
            frozen_steps=step + int(frozen_left * share) if frozen_left else frozen_steps,
        )

    def learning_rate(self, step: int) -> float:
        """Rate of step number `step` (from 0): the schedule over all steps, a warm-up in each phase."""
        tuned = self.pretrained and not self.frozen(step)
        peak = self.settings.fine_tune_learning_rate if tuned else self.settings.learning_rate
        phase_step = step - self.frozen_steps if tuned else step
        warm_up = min((phase_step + 1) / max(self.settings.warm_up_steps, 1), 1.0)
        if self.settings.rate_schedule == "constant":
            return peak * warm_up
        fall = (1 + math.cos(math.pi * min(step / self.steps, 1.0))) / 2
        return peak * warm_up * (_LAST_RATE_SHARE + (1 - _LAST_RATE_SHARE) * fall)
