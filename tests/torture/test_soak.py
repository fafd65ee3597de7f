"""The soak in short: a queue of tasks, some at once, questions among them; nothing is lost and nothing grows."""

import os
import time

from tests.torture import soak

SEED = int(os.environ.get("TORTURE_SEED") or time.time())


def test_many_tasks_with_questions_all_finish_and_are_told_once_and_supervisors_stay_small():
    figures = soak.run(SEED, 24, 8, 0.3)
    assert figures["faults"] == [] and figures["most_at_once"] == 8, figures
    assert figures["files_a_supervisor"][1] < 30 and figures["files_watcher"][1] < 60, figures
    assert figures["mib_a_supervisor"][1] < 30 and figures["mib_watcher"][1] < 30, figures
    assert figures["idle_cpu_s_an_hour_a_supervisor"] < 60, figures
