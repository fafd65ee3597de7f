"""Shell completion: scripts made from the commands that there are; task ids are asked for at each Tab.

The shells' usual way, asking the program for everything, starts all of typer at every Tab: ten times what it takes to
list the ids (docs/performance.md).
"""

from __future__ import annotations

import os
from typing import NamedTuple

from dispatch_hooks import files, tasks

SHELLS = ("bash", "zsh", "fish")


class Verb(NamedTuple):
    words: tuple[str, ...]  # ("config", "set")
    help: str
    options: list[tuple[list[str], str]]  # (["-q", "--question"], what it is)
    tasks: bool  # whether it takes ids
    inner: list[str]  # the verbs of a group


def ids(project: str, verb: str) -> list[str]:
    """The tasks that a verb may be meant for: those that ask for `answer`, those that are not over for `cancel`."""
    every = tasks.ids(project)
    mark = f"{tasks.project_name(project)}~"
    if verb == "answer":
        some = {os.path.basename(folder) for folder in tasks.asking(project)}
    elif verb in ("cancel", "pause"):
        listed = files.names(os.path.dirname(tasks.active_file(tasks.folder(project, "x"))))
        some = {name.removeprefix(mark) for name in listed if name.startswith(mark)} | {
            os.path.basename(folder) for folder in tasks.asking(project)
        }
    else:
        return every
    return [task for task in every if task in some] or every


def main(words: list[str]) -> int:
    """`dispatch-hooks completion tasks VERB`, which the scripts run at each Tab: the ids, a line each."""
    project = tasks.project_of(os.getcwd(), os.environ.get("CLAUDE_PROJECT_DIR", ""))
    print("".join(f"{task}\n" for task in ids(project, words[0] if words else "")), end="")
    return 0


# the commands


def verbs(group, above: tuple[str, ...] = ()) -> list[Verb]:
    """Every command of a click group, and of the groups in it."""
    found = []
    for name, command in group.commands.items():
        if command.hidden:
            continue
        inner = getattr(command, "commands", {})
        words = (*above, name)
        found.append(Verb(words, command.get_short_help_str(70), *_takes(command), list(inner)))
        found += verbs(command, words) if inner else []
    return found


def _takes(command) -> tuple[list, bool]:
    """(its options, whether its arguments are tasks)."""
    options = [([*p.opts, *p.secondary_opts], p.help or "") for p in command.params if p.param_type_name == "option"]
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    return [*options, (["-h", "--help"], "Show its help.")], any(p._custom_shell_complete for p in arguments)


# the scripts


def script(shell: str, found: list[Verb]) -> str:
    return {"bash": bash, "zsh": zsh, "fish": fish}[shell](found)


def _flags(verb: Verb) -> str:
    return " ".join(flag for flags, _ in verb.options for flag in flags)


BASH = """\
# dispatch-hooks completion for bash; put it where bash-completion finds it by itself:
#   dispatch-hooks completion bash > ~/.local/share/bash-completion/completions/dispatch-hooks
_dispatch_hooks() {
    local cur=${COMP_WORDS[COMP_CWORD]} path= word n flags= tasks= verbs=
    for ((n = 1; n < COMP_CWORD; n++)); do
        word=${COMP_WORDS[n]}
        [[ $word == -* ]] || case "$path $word" in
%(paths)s
        esac
    done
    case "$path" in
%(cases)s
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    elif [[ $tasks ]]; then
        COMPREPLY=($(compgen -W "$(dispatch-hooks completion tasks ${path##* } 2>/dev/null)" -- "$cur"))
    else
        COMPREPLY=($(compgen -W "$verbs" -- "$cur"))
    fi
}
complete -o default -F _dispatch_hooks dispatch-hooks
"""


def bash(found: list[Verb]) -> str:
    top = " ".join(verb.words[0] for verb in found if len(verb.words) == 1)
    paths = "\n".join(f'        " {" ".join(v.words)}") path=" {" ".join(v.words)}" ;;' for v in found)
    cases = [f'    "") verbs="{top}" flags="--version --help" ;;']
    for verb in found:
        more = f' verbs="{" ".join(verb.inner)}"' if verb.inner else ""
        more += " tasks=1" if verb.tasks else ""
        cases.append(f'    " {" ".join(verb.words)}") flags="{_flags(verb)}"{more} ;;')
    return BASH % {"paths": paths, "cases": "\n".join(cases)}


ZSH = """\
#compdef dispatch-hooks
# dispatch-hooks completion for zsh; put it into a folder of your $fpath:
#   dispatch-hooks completion zsh > "${fpath[1]}/_dispatch-hooks"
_dispatch_hooks() {
    local where= word
    local -a verbs flags ids
    for word in ${words[2,CURRENT-1]}; do
        [[ $word == -* ]] || case "$where $word" in
%(paths)s
        esac
    done
    case "$where" in
%(cases)s
    esac
    if [[ ${words[CURRENT]} == -* ]]; then
        _describe -o option flags
    elif [[ -n $ids ]]; then
        ids=(${(f)"$(dispatch-hooks completion tasks ${where##* } 2>/dev/null)"})
        compadd -- $ids || _files
    elif [[ -n $verbs ]]; then
        _describe command verbs
    else
        _files
    fi
}
if [[ ${funcstack[1]} == _dispatch_hooks || ${funcstack[1]} == _dispatch-hooks ]]; then
    _dispatch_hooks "$@"
else
    compdef _dispatch_hooks dispatch-hooks
fi
"""


def zsh(found: list[Verb]) -> str:
    paths = "\n".join(f'        " {" ".join(v.words)}") where=" {" ".join(v.words)}" ;;' for v in found)
    described = {v.words: v.help for v in found}

    def named(group: tuple[str, ...], inner: list[str]) -> str:
        return " ".join(_quoted(f"{name}:{described[(*group, name)]}") for name in inner)

    cases = [f"    '') verbs=({named((), [v.words[0] for v in found if len(v.words) == 1])}) ;;"]
    for verb in found:
        flags = " ".join(_quoted(f"{flag}:{text}") for names, text in verb.options for flag in names)
        more = f" verbs=({named(verb.words, verb.inner)})" if verb.inner else ""
        more += " ids=(1)" if verb.tasks else ""
        cases.append(f'    " {" ".join(verb.words)}") flags=({flags}){more} ;;')
    return ZSH % {"paths": paths, "cases": "\n".join(cases)}


def fish(found: list[Verb]) -> str:
    lines = [
        "# dispatch-hooks completion for fish:",
        "#   dispatch-hooks completion fish > ~/.config/fish/completions/dispatch-hooks.fish",
        "complete -c dispatch-hooks -f",
    ]
    for verb in found:
        here = _fish_place(verb.words[:-1], [v.words[-1] for v in found if v.words[:-1] == verb.words[:-1]])
        lines.append(f"complete -c dispatch-hooks -n {_quoted(here)} -a {verb.words[-1]} -d {_quoted(verb.help)}")
        inside = " ; and ".join(f"__fish_seen_subcommand_from {word}" for word in verb.words)
        for names, text in verb.options:
            flags = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in names)
            lines.append(f"complete -c dispatch-hooks -n {_quoted(inside)} {flags} -d {_quoted(text)}")
        if verb.tasks:
            asked = f"(dispatch-hooks completion tasks {verb.words[-1]} 2>/dev/null)"
            lines.append(f"complete -c dispatch-hooks -n {_quoted(inside)} -a {_quoted(asked)}")
    return "\n".join(lines) + "\n"


def _fish_place(group: tuple[str, ...], inner: list[str]) -> str:
    if not group:
        return "__fish_use_subcommand"
    return f"__fish_seen_subcommand_from {group[-1]} ; and not __fish_seen_subcommand_from {' '.join(inner)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\n", " ").replace("'", "’") + "'"
