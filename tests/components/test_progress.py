"""Progress of Beam stages, whose workers may be in this process or elsewhere."""

import pytest
from told import told_progress

from components.progress import advance, running


def test_work_in_this_process_is_counted_as_it_is_told():
    with told_progress() as told, running("Stage", 3, "images"):
        advance("Stage")
        advance("Stage")
    assert [(one.done, one.total, one.finished) for one in told] == [(1, 3, False), (2, 3, True)]


def test_work_elsewhere_is_done_when_the_pipeline_has_ended():
    with told_progress() as told, running("Stage", 3, "images"):
        pass
    assert told[-1].done == 3
    assert told[-1].finished


def test_a_pipeline_that_failed_has_done_nothing():
    with told_progress() as told, pytest.raises(OSError), running("Stage", 3, "images"):
        raise OSError
    assert told[-1].done == 0


def test_nobody_listens_in_other_processes():
    with told_progress() as told:
        advance("Stage")
    assert told == []
