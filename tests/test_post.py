"""What a watcher looks at while engines have tasks: each marker once, and nothing while there are none."""

import os
from pathlib import Path

import pytest

from dispatch_hooks import files, inbox, tasks
from dispatch_hooks.remote import post
from tests.harness.waiting import wait_until


def folder(lab, n: int) -> str:
    return tasks.folder(str(lab.project), f"task-{n}")


def hand_over(lab, n: int, chat: str = "") -> None:
    files.write(tasks.handed_file(folder(lab, n)), f"{chat or lab.chat}\nengine\n")


def take_back(lab, n: int) -> None:
    files.remove(tasks.handed_file(folder(lab, n)))


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """The tasks whose markers were read."""
    found: list[str] = []

    def spied(folder: str, really=tasks.handed_to):
        found.append(os.path.basename(folder))
        return really(folder)

    monkeypatch.setattr(tasks, "handed_to", spied)
    return found


def test_a_marker_is_read_once_whatever_comes_and_goes_beside_it(lab, read):
    watched = post.Post()
    for n in range(3):
        hand_over(lab, n)
        assert watched.expected() and watched.moved() and not watched.moved()
    take_back(lab, 0)
    assert watched.moved()
    assert read == ["task-0", "task-1", "task-2"]
    take_back(lab, 1)
    take_back(lab, 2)
    assert watched.moved() and not watched.expected()


def test_a_change_that_bears_the_time_of_the_one_before_is_seen_a_moment_later(lab, monkeypatch):
    monkeypatch.setattr(post, "BLUR", 0.2)
    watched = post.Post()
    hand_over(lab, 1)
    assert watched.expected()
    top = os.path.dirname(tasks.handed_file(folder(lab, 1)))
    stamp = os.stat(top).st_mtime_ns
    hand_over(lab, 2, "another-chat")
    os.utime(top, ns=(stamp, stamp))
    wait_until(lambda: watched.expected() and "another-chat" in watched.chats.values(), 10)


def test_a_task_that_came_and_went_between_two_looks_has_moved(lab):
    watched = post.Post()
    hand_over(lab, 1)
    take_back(lab, 1)
    assert watched.moved() and not watched.moved() and not watched.expected()


def test_news_in_the_inbox_of_any_of_its_chats_is_seen(lab):
    watched = post.Post()
    hand_over(lab, 1)
    hand_over(lab, 2, "another-chat")
    assert watched.moved() and not watched.moved()
    files.touch(str(Path(inbox.folder("another-chat")) / "new" / "x"))
    assert watched.moved() and not watched.moved()
