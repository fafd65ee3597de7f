"""The kill matrix in short: one point of every role, chosen by the seed that a failure names."""

import os
import random
import time

import pytest

from tests.conftest import needs_strace
from tests.torture import kill

SEED = int(os.environ.get("TORTURE_SEED") or time.time())

pytestmark = needs_strace


@pytest.mark.parametrize("role", kill.ROLES)
def test_whoever_is_killed_or_frozen_where_nothing_is_lost_told_twice_or_left_behind(role):
    rng = random.Random(f"{SEED} {role}")
    (point, how) = rng.choice(kill.plan(kill.points(role), 1, rng))
    result = kill.trial(point, how)
    assert not result.faults, f"seed {SEED}: {kill.describe(result)}"
