"""The kill matrix in short: a few points of every role, chosen by the seed that a failure names."""

import os
import random
import time

import pytest

from tests.torture import faults, kill

SEED = int(os.environ.get("TORTURE_SEED") or time.time())

pytestmark = pytest.mark.skipif(not faults.STRACE, reason="strace is not installed")


@pytest.fixture(scope="module")
def found():
    """The points of the roles, traced as they are asked for."""
    kept: dict[str, list] = {}

    def of(role: str) -> list:
        return kept.setdefault(role, kill.points((role,)))

    return of


@pytest.mark.parametrize("role", kill.ROLES)
def test_whoever_is_killed_or_frozen_where_nothing_is_lost_told_twice_or_left_behind(found, role):
    rng = random.Random(f"{SEED} {role}")
    for point, how in rng.sample(kill.plan(found(role), 1, rng), 2):
        result = kill.trial(point, how)
        assert not result.faults, f"seed {SEED}: {kill.describe(result)}"
