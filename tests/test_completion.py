"""Tab in real shells: commands, options and the ids of tasks."""

import shutil
import subprocess
import sys

import pytest
from typer.main import get_command

from dispatch_hooks import cli, completion
from tests.conftest import needed
from tests.harness.terminal import Terminal, Unavailable

START = {
    "bash": (["--norc", "--noprofile", "-i"], 'PS1="$ "; eval "$(dispatch-hooks completion bash)"; echo rea""dy\n'),
    "zsh": (
        ["-f", "-i"],
        'PS1="$ "; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; '
        'eval "$(dispatch-hooks completion zsh)"; echo rea""dy\n',
    ),
    "fish": (
        ["--no-config", "-i"],
        "function fish_prompt; echo '> '; end; dispatch-hooks completion fish | source; echo rea''dy\n",
    ),
}


@pytest.fixture(params=START)
def shell(shop, request):
    """A shell in a terminal, in the project, with our completion."""
    name = request.param
    args, first = START[name]
    shop.fill()
    with needed():
        program = shutil.which(name)
        if program is None:
            raise Unavailable(f"{name} is not on PATH")
        bin_folder = shop.root / "bin"
        bin_folder.mkdir()
        stub = bin_folder / "dispatch-hooks"
        stub.write_text(f'#!/bin/sh\nexec {sys.executable} -m dispatch_hooks "$@"\n')
        stub.chmod(0o755)
        env = {**shop.env, "PATH": f"{bin_folder}:{shop.env['PATH']}"}
        shop.terminals.append(Terminal([program, *args], env, shop.project, 100, 30))
    terminal = shop.terminals[-1]
    terminal.type(first)
    terminal.wait_for("ready")
    return terminal


def test_tab_completes_verbs_options_and_ids(shell):
    for typed, completed in (
        ("dispatch-hooks unin", "dispatch-hooks uninstall"),
        ("dispatch-hooks answer ", "dispatch-hooks answer write-api-docs"),
        ("dispatch-hooks show per", "dispatch-hooks show perf-audit"),
        ("dispatch-hooks install --forc", "dispatch-hooks install --force"),
        ("dispatch-hooks config sho", "dispatch-hooks config show"),
    ):
        shell.key("C-u")
        shell.type(typed)
        shell.wait_for(typed.rstrip())
        shell.key("Tab")
        shell.wait_for(completed)


@pytest.mark.parametrize("name", completion.SHELLS)
def test_every_command_and_option_is_in_the_script(name):
    found = completion.verbs(get_command(cli.app))
    text = completion.script(name, found)
    for verb in found:
        assert verb.words[-1] in text
        for flags, _ in verb.options:
            assert all(flag.lstrip("-") in text for flag in flags)
    if shutil.which(name):
        subprocess.run([name, "-n"], input=text, text=True, check=True)


def test_ids_come_without_loading_what_the_commands_need(shop):
    shop.fill()
    argv = [sys.executable, "-X", "importtime", "-m", "dispatch_hooks", "completion", "tasks", "show"]
    done = subprocess.run(argv, env=shop.env, cwd=shop.project, capture_output=True, text=True, check=True)
    assert len(done.stdout.split()) == 7
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not {"typer", "rich", "pydantic", "click"} & loaded


def test_each_verb_is_offered_the_tasks_that_it_is_for(shop):
    shop.fill()
    project = str(shop.project)
    assert completion.ids(project, "answer") == ["write-api-docs"]
    assert "fix-tests" in completion.ids(project, "show")
    assert len(completion.ids(project, "")) == 7


def test_a_shell_that_we_do_not_know_is_refused_with_those_that_we_do(bare):
    done = bare("completion", "csh")
    assert done.returncode == 1 and "bash, zsh or fish" in done.stderr
