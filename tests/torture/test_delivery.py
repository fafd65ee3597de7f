"""Delivery over two sessions of the real Claude Code under random kills, in short."""

import os
import time

from tests.conftest import needed
from tests.torture import delivery

SEED = int(os.environ.get("TORTURE_SEED") or time.time())


def test_no_event_is_lost_or_told_twice_or_in_the_wrong_chat_whoever_is_killed():
    with needed():
        figures = delivery.run(SEED, 40, 120)
    assert figures["told"] == figures["events"] and not figures["faults"], figures
