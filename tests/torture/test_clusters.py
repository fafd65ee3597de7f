"""The short form of the clusters' torture: a dozen tasks over two nodes, and some violence."""

import pytest

from tests.torture.clusters import Clusters


@pytest.mark.usefixtures("slurm")
def test_a_dozen_tasks_outlast_killed_jobs_nodes_and_controllers(monkeypatch):
    monkeypatch.setenv("DISPATCH_HOOKS_DIRS", "")
    monkeypatch.setenv("SLURM_CONF", "")
    figures = Clusters(seed=5, number=12, pause=3.0).run(180)
    assert not figures["faults"], figures
    assert figures["states"]["finished"] and figures["answers"], figures
    assert sum(figures["acts"].values()) >= 2, figures
