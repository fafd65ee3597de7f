"""Every target of the fuzzing, shortly: its kept corpus, changes of it, and anything at all."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.torture.fuzzing import TARGETS, seeds


@st.composite
def changed(draw, kept: list[bytes]) -> bytes:
    """A kept input with a piece of it cut out, doubled, or put in the place of another."""
    data = draw(st.sampled_from(kept))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 200)))
        piece = draw(st.sampled_from(kept) | st.binary(max_size=20))[:200]
        data = data[:start] + draw(st.sampled_from([b"", piece, data[start:end] * 2])) + data[end:]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_others_wrote_makes_a_parser_fall(name, lab):
    kept = seeds(name)
    for data in kept:
        TARGETS[name](data)

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(changed(kept) | st.binary(max_size=2000) | st.text(max_size=500).map(lambda t: t.encode("utf-8", "replace")))
    def anything(data):
        TARGETS[name](data)

    anything()
