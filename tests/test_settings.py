"""What of Claude Code's settings is ours, and that the rest is left alone."""

import json
from pathlib import Path

import pytest

from dispatch_hooks import settings
from dispatch_hooks.errors import FatalError
from dispatch_hooks.paths import Dirs

DIRS = Dirs("/c", "/s", "/r", "/d")
GROUPS = settings.groups(DIRS)
RULES = settings.rules("dispatch-hooks")

FOREIGN = """\
{
\t"model": "opus",
\t"hooks": {
\t\t"Stop": [ { "hooks": [ {"type": "command", "command": "say done"} ] } ],
\t\t"PreToolUse": []
\t},
\t"permissions": { "deny": ["Bash(rm:*)"], "allow": ["Bash(ls:*)"] }
}
"""

TEXTS = {
    "nothing": "{}\n",
    "empty containers": '{"hooks": { }, "permissions": {\n}}',
    "no line end": '{\n  "hooks": {\n    "Stop": []\n  }\n}',
    "foreign hooks": FOREIGN,
    "windows": FOREIGN.replace("\n", "\r\n"),
    "compact": json.dumps(json.loads(FOREIGN), separators=(",", ":")),
    "BOM": "\ufeff" + FOREIGN,
    "keys twice": '{"hooks": 1, "hooks": {"Stop": [1], "Stop": []}, "permissions": {"allow": ["a"]}}',
}


def add(text, groups=GROUPS, rules=RULES):
    return settings.add(text, "f", groups, rules)


def load(text):
    return json.loads(text.removeprefix("\ufeff"))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_was_added_can_be_removed_to_the_byte(text):
    assert settings.remove(add(text), "f", RULES, like=text) == text


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_an_addition_keeps_all_that_was_there_in_its_order(text):
    before, after = load(text), load(add(text))
    assert list(after)[: len(before)] == list(before)
    assert settings.installed(after, GROUPS, RULES)
    for event, group in GROUPS.items():
        assert after["hooks"][event] == [*before.get("hooks", {}).get(event, []), group]
    assert after["hooks"].get("PreToolUse") == before.get("hooks", {}).get("PreToolUse")
    assert after["permissions"]["allow"] == [*before.get("permissions", {}).get("allow", []), *RULES]


def test_the_example_is_what_install_writes():
    assert (Path(__file__).parents[1] / "settings.example.json").read_text() == settings.example()


def test_every_event_has_one_quick_entry_and_three_have_a_watcher():
    entries = {event: group["hooks"] for event, group in GROUPS.items()}
    assert {event: len(hooks) for event, hooks in entries.items()} == {
        "SessionStart": 2,
        "UserPromptSubmit": 2,
        "Stop": 2,
        "Notification": 1,
        "SessionEnd": 1,
    }
    for hooks in entries.values():
        assert [hook.get("asyncRewake", False) for hook in hooks] == [False, True][: len(hooks)]
        assert [hook["timeout"] > 600 for hook in hooks] == [False, True][: len(hooks)]


def test_our_entries_are_known_in_any_version_and_place():
    old = {"type": "command", "command": "old gate  # dispatch-hooks \n"}
    other = {"type": "command", "command": "grep '# dispatch-hooks' notes"}
    value = {"hooks": {"Stop": [{"hooks": [other, old]}, "?"], "Gone": [{"hooks": [old]}], "Odd": 3}}
    assert settings.ours(value) == [("hooks", "Stop", 0, "hooks", 1), ("hooks", "Gone", 0, "hooks", 0)]


def test_a_removal_takes_our_entries_from_among_others():
    value = load(add(FOREIGN))
    mine = value["hooks"]["Stop"][1]["hooks"]
    mine.insert(1, {"type": "command", "command": "theirs"})
    value["hooks"]["Stop"].append({"hooks": [{"type": "command", "command": "last"}]})
    value["permissions"]["allow"].append("Bash(later:*)")
    expected = load(FOREIGN)
    expected["hooks"]["Stop"] += [{"hooks": [mine[1]]}, value["hooks"]["Stop"][2]]
    expected["permissions"]["allow"].append("Bash(later:*)")
    after = settings.remove(json.dumps(value, indent=2), "f", RULES, like=FOREIGN)
    assert load(after) == expected
    assert after == json.dumps(expected, indent=2).replace('"PreToolUse": []', '"PreToolUse": []')


def test_a_removal_leaves_rules_alone_that_it_is_not_told_of():
    text = add('{"permissions": {"allow": ["Bash(dispatch-hooks show:*)"]}}')
    assert load(text)["permissions"]["allow"].count(RULES[1]) == 1
    left = settings.remove(text, "f", [rule for rule in RULES if rule != RULES[1]])
    assert load(left) == {"permissions": {"allow": [RULES[1]]}}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value["hooks"].pop("Stop"),
        lambda value: value["hooks"]["Stop"][0]["hooks"][0].update(timeout=1),
        lambda value: value["hooks"]["Stop"].append(value["hooks"]["Stop"][0]),
        lambda value: value["hooks"].update(PreToolUse=value["hooks"]["Stop"]),
        lambda value: value["permissions"]["allow"].pop(),
    ],
)
def test_installed_means_all_of_it_once(spoil):
    value = load(add("{}"))
    assert settings.installed(value, GROUPS, RULES)
    spoil(value)
    assert not settings.installed(value, GROUPS, RULES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "f: the settings should be an object."),
        ('{"hooks": null}', "f: hooks should be an object."),
        ('{"hooks": {"Stop": {}}}', "f: hooks.Stop should be an array."),
        ('{"permissions": []}', "f: permissions should be an object."),
        ('{"permissions": {"allow": "all"}}', "f: permissions.allow should be an array."),
    ],
)
def test_settings_of_another_shape_are_refused_by_name(text, message):
    with pytest.raises(FatalError) as error:
        add(text)
    assert str(error.value).startswith(message)
