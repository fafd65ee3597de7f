"""What records, reports and hook messages look like: the one source of schemas/ (`python -m dispatch_hooks.schemas`).

Hooks and supervisors write plain dicts and never load this; doctor, config and the tests hold them to it.
What we write allows no other field, so that a typo is found. What Claude Code writes may grow.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dispatch_hooks import config

Permissions = Literal["ask", "auto", "bypass"]

Time = Annotated[float, Field(description="Seconds since 1970-01-01 UTC.")]


ABSENT: Any = None
"""The default of a field that may be left out and is never null."""


class Ours(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


# config.toml

OWN = "What it may do, instead of the top permissions: ask, auto, or bypass (anything, unasked)."


AFTER = "The model, alias or backend that goes on where this one cannot: not logged in, out of quota, unknown."


WHERE = "The launcher of its workers; else the top one."


class EnvTable(Ours):
    drop: list[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]] = Field(
        default_factory=list, description="Names of variables that workers must not inherit."
    )


class WorktreeTable(Ours):
    """How workers that have a checkout of their own get and give back it."""

    use: Literal["asked", "always"] = Field(
        "asked", description="Who gets a worktree: whose dispatch asks for it, or every task that may change files."
    )
    merge: Literal["ff", "merge", "squash"] = Field(
        "merge",
        description="What merge does: ff (fast-forward or nothing), merge (as git merge does), squash (one commit).",
    )
    copy_: list[str] = Field(
        default_factory=list,
        alias="copy",
        description="Files of the project that git does not know and a worktree needs, as .env may be.",
    )
    link: list[str] = Field(
        default_factory=list, description="The same, as links into the project's own: node_modules."
    )
    setup: str = Field("", description="A command of yours that runs in a new worktree, as npm ci may.")


class BudgetTable(Ours):
    """What a task may use up; then its worker is stopped."""

    usd: float = Field(ABSENT, gt=0, strict=False, description="Dollars, as far as its CLI tells them.")
    tokens: int = Field(ABSENT, gt=0, description="Tokens, cached input included.")
    turns: int = Field(ABSENT, gt=0, description="Calls of its model; else what it is seen to do.")
    minutes: float = Field(ABSENT, gt=0, strict=False, description="How long its worker may run.")


LIMIT = "What a task of it may use up."


class Model(Ours):
    backend: str = Field(
        ABSENT, min_length=1, description="The backend that runs it; else the one that knows the name, or claude."
    )
    name: str = Field(ABSENT, min_length=1, description="What the CLI calls it, if not as this table is called.")
    permissions: Permissions = Field(ABSENT, description=OWN)
    fallback: str = Field(ABSENT, description=AFTER)
    budget: BudgetTable = Field(ABSENT, description=LIMIT)
    launcher: str = Field(ABSENT, min_length=1, description=WHERE)


class Alias(Ours):
    model: str = Field(
        ABSENT, min_length=1, description="A model, a backend or a name that a CLI knows; else what claude takes."
    )
    prompt: str = Field("", description="What every worker of this alias is told before its task.")
    permissions: Permissions = Field(ABSENT, description=OWN)
    fallback: str = Field(ABSENT, description=AFTER)
    budget: BudgetTable = Field(ABSENT, description=LIMIT)
    launcher: str = Field(ABSENT, min_length=1, description=WHERE)


class Fields(Ours):
    """Where the lines of JSON that a command prints tell what: paths like result.text or message.content.0.text."""

    text: str = Field(ABSENT, description="A message of the model's.")
    session: str = Field(ABSENT, description="The session, for resume.")
    cost: str = Field(ABSENT, description="Dollars that the session has cost so far.")
    tokens: str = Field(ABSENT, description="Tokens that this run has used so far.")
    error: str = Field(ABSENT, description="A line that has it ends the task as failed, unless it is null or false.")


class Backend(Ours):
    command: list[str] = Field(
        ABSENT,
        min_length=1,
        description="The CLI and its arguments. {prompt}, {model} and {folder} are filled in; without {prompt} it is "
        "written to standard input. An agent that speaks acp is told the prompt by the protocol.",
    )
    protocol: Literal["acp", "command"] = Field(
        ABSENT, description="acp: it speaks the Agent Client Protocol. command: it takes a prompt and ends."
    )
    program: str = Field(ABSENT, min_length=1, description="Another program than the usual, by name or path.")
    resume: list[str] = Field(
        ABSENT, min_length=1, description="The arguments with which it goes on in its {session}, if it can."
    )
    fields: Fields = Field(ABSENT, description="Where its output, JSON, an object a line, tells what.")
    permissions: Permissions = Field(ABSENT, description=OWN)
    max_parallel: int = Field(ABSENT, ge=1, le=64, description="How many of its tasks may run at the same time.")


class Launcher(Ours):
    """Where supervisors run, other than here: an engine that queues and runs them (docs/clusters.md)."""

    kind: Literal["slurm", "ssh", "command"] = Field(description="Slurm, a machine behind ssh, or commands of yours.")
    max_parallel: int = Field(ABSENT, ge=1, description="How many of its jobs there may be at the same time.")
    python: str = Field(ABSENT, min_length=1, description="The far side's Python, where it is another than here.")
    map: dict[str, str] = Field(default_factory=dict, description="Folders that are called differently there.")
    options: list[str] = Field(default_factory=list, description="More words for sbatch or ssh.")
    export: list[str] = Field(
        default_factory=list, description="ssh: the variables that go along, over standard input."
    )
    host: str = Field(ABSENT, min_length=1, description="ssh: the machine, as ssh takes it.")
    partition: str = Field(ABSENT, min_length=1, description="slurm: sbatch --partition.")
    account: str = Field(ABSENT, min_length=1, description="slurm: sbatch --account.")
    cpus: int = Field(ABSENT, ge=1, description="slurm: sbatch --cpus-per-task.")
    memory: str = Field(ABSENT, min_length=1, description='slurm: sbatch --mem, for example "8G".')
    time: str = Field(ABSENT, min_length=1, description='slurm: sbatch --time, for example "12:00:00".')
    submit: list[str] = Field(
        ABSENT,
        min_length=1,
        description="command: submits the script on its standard input; {name}, {log} and {folder} are filled in; "
        "the last word that it prints is the job, else its name.",
    )
    poll: list[str] = Field(
        ABSENT,
        min_length=1,
        description='command: prints a line for each of {jobs} (or for {job}): "<job> pending|running|ended <why>".',
    )
    cancel: list[str] = Field(ABSENT, min_length=1, description="command: ends {job}.")


class Config(Ours):
    """config.toml: how your workers run. Every key may be left out."""

    default: str = Field("claude", min_length=1, description="The model, alias or backend of a task that names none.")
    permissions: Literal["ask", "auto"] = Field(
        "ask",
        description="What a worker may do: ask (edit here, ask for the rest) or auto (shell too). bypass is never "
        "the default: it is set on a model, an alias or a backend.",
    )
    wake: Literal["off", "questions", "needed", "all"] = Field(
        "needed",
        description="What may wake an idle chat: off, questions (and flags), needed (failures too, and the last "
        "finished task of several) or all.",
    )
    fallback: str = Field("", description=f"{AFTER} Empty: none.")
    max_parallel: int = Field(6, ge=1, le=64, description="How many tasks may run at the same time.")
    max_waiting: int = Field(
        100, ge=0, le=1000, description="How many more may wait for their turn, or for other tasks."
    )
    ask_seconds: int = Field(
        600, ge=0, description="How long a worker waits for an answer; then it stops, and the answer resumes it."
    )
    keep_days: int = Field(30, ge=0, description="After how many days `dispatch-hooks clean` removes what is over.")
    check: str = Field("", description='A command of yours that makes "finished" into "checked", as "make test" may.')
    check_seconds: int = Field(600, ge=1, description="How long the check may take.")
    silence_seconds: int = Field(
        1800,
        ge=0,
        description="After how long of silence you are told of a worker; after as long again it is stopped. 0: never.",
    )
    max_retries: int = Field(
        20, ge=1, description="How many tries of its model in a row a worker's CLI gets before it is stopped."
    )
    budget: BudgetTable = Field(default_factory=BudgetTable, description="What a task may use up that says nothing.")
    launcher: str = Field("local", min_length=1, description="Where tasks run that name no place: here, or a launcher.")
    notify: list[str] = Field(
        default_factory=list,
        description='Run when you are needed and no Claude Code lives to say so: ["notify-send"], say. {title} and '
        "{text} may stand for what it is told, each as an argument of its own; else both are appended.",
    )
    env: EnvTable = Field(default_factory=EnvTable, description="What of your environment workers get.")
    worktree: WorktreeTable = Field(default_factory=WorktreeTable, description="Checkouts of tasks: docs/worktrees.md.")
    models: dict[str, Model] = Field(default_factory=dict, description="Names of yours for models.")
    aliases: dict[str, Alias] = Field(default_factory=dict, description="A model with words of yours: a role.")
    backends: dict[str, Backend] = Field(default_factory=dict, description="Worker CLIs, each by its name.")
    launchers: dict[str, Launcher] = Field(default_factory=dict, description="Engines to run workers on, by name.")

    @model_validator(mode="after")
    def _commands(self) -> Config:
        for name, backend in self.backends.items():
            if name not in config.CLI and not backend.command:
                raise ValueError(f'backends.{name} needs a command, for example ["{name}", "--prompt", "{{prompt}}"]')
        return self


# records (dispatch_hooks.tasks and dispatch_hooks.questions say where they are)


class Wanted(Ours):
    """That a task is to have a worktree."""

    base: str | None = Field(description="The branch, tag or commit that it begins from; else what is checked out.")


class Worktree(Ours):
    """A task's own checkout and branch (dispatch_hooks.worktrees)."""

    name: str = Field(description="Its folder in .dispatch/worktrees, and its branch behind dispatch/.")
    admin: str = Field(description="Its folder in the git directory's worktrees.")
    common: str = Field(description="The git directory that all worktrees of the repository share.")
    branch: str
    base: str = Field(description="The commit that it began from.")
    source: str = Field(description="What that was called.")
    state: Literal["making", "open", "merged", "discarded", "empty"]
    run: int = Field(ge=1, description="The run that made it.")
    before: str = Field(description="What became of the one before.")
    unseen: list[str] = Field(description="What of the project was not committed when it was made.")
    notes: list[str] = Field(description="What its worker was told of it.")
    brought: list[str] = Field(description="What was copied or linked into it.")
    commits: int
    files: int
    added: int
    removed: int
    trouble: str = Field(description="What could not be done with it, in words.")
    kept: int = Field(description="The last run whose work was brought onto the branch.")
    merging: dict[str, Any] = Field(ABSENT, description="The merge or discard that is under way.")
    into: str = Field(ABSENT, description="The branch that it was merged into.")


class Instead(Ours):
    """Who was to do a task, and why they could not."""

    who: str
    why: str


class Budget(Ours):
    usd: float = Field(ABSENT, gt=0, strict=False)
    tokens: int = Field(ABSENT, gt=0)
    turns: int = Field(ABSENT, gt=0)
    seconds: float = Field(ABSENT, gt=0, strict=False)


class Task(Ours):
    """task.json: what was asked. Written once, by the dispatch."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="Short, kebab-case, unique in its project.")
    title: str
    text: str = Field(description="The task in the person's words.")
    plan: list[str] = Field(description="Its steps; none where its worker is to write them.")
    context: str = Field(description="What was said around a list of tasks: for every one of them.")
    directory: str | None = Field(description="Where it works, from the project's root; else there.")
    read_only: bool
    project: str = Field(description="The project's folder.")
    chat: str = Field(description="The session that dispatched it and gets its news.")
    prompt: str = Field(description="The prompt's id.")
    check: str = Field(description="The command that checks it when it has finished; empty for none.")
    made: Time
    model: str = Field(description="What its CLI calls the model; empty for the CLI's own default.")
    alias: str
    alias_prompt: str
    backend: str
    permissions: Permissions
    fallback: str = Field("", description="Who goes on where this one cannot, once; empty for nobody.")
    instead_of: Instead | None = Field(None, description="Who was asked for, where the fallback took over at once.")
    launcher: str = "local"
    budget: Budget | None = Field(None, description="What it may use up, counted from the person's last word.")
    after: list[str] = Field(default_factory=list, description="The tasks that must have finished before it starts.")
    worktree: Wanted | None = Field(None, description="That it has a checkout of its own.")


class Identity(Ours):
    """A process, named for good: a pid alone is used again."""

    pid: int
    started: str = Field(description="When it began, in the system's own words.")
    boot: str
    machine: str


class Taken(Ours):
    """What of the person's words the worker has been told, by number."""

    answers: list[int]
    notes: list[int]


State = Literal[
    "starting", "waiting", "running", "parked", "finished", "checked", "stopped", "failed", "cancelled", "lost"
]  # fmt: skip


class Used(Ours):
    """What a model used of a run."""

    tokens: int
    cost_usd: float | None


class Past(Ours):
    """A run that is over; the figures are the task's at its end."""

    run: int = Field(ge=1)
    state: State
    started: Time
    ended: Time
    who: str
    model: str = Field(description="What its CLI called the model; empty for the CLI's own default.")
    backend: str
    cost_usd: float | None
    tokens: int | None
    beside: dict[str, Used] = Field(default_factory=dict, description="What of the run's own other models used.")


class Status(Ours):
    """status.json: how it goes. Written by the supervisor that holds the task's lock."""

    state: State
    run: int = Field(ge=0, description="Which life of a worker for this task; 0 before the first.")
    why: str = ""
    was: str = Field("", description="While it waits to go on: how its last run ended.")
    started: Time | None = None
    ended: Time | None = None
    earlier: list[Past] = Field(default_factory=list, description="Its runs before this one, the last 100.")
    supervisor: Identity | None = None
    worker: Identity | None = None
    backend: str = ""
    who: str = Field("", description="The alias, model or backend that runs it, as people read it.")
    model: str = Field("", description="What its CLI calls the model; empty for the CLI's own default.")
    failure: Literal["", "missing", "login", "quota", "rate", "model", "down"] = Field(
        "", description="What its CLI could not do its work for, where that was recognised."
    )
    until: Time | None = Field(None, description="When the limit ends that it waits for.")
    waits: int = Field(0, ge=0, description="Limits that were waited for in a row, while nothing was ticked.")
    waited_at: int = Field(-1, description="The ticks at the last of them.")
    instead_of: Instead | None = Field(None, description="Who was to do it, where a fallback took over.")
    changed: dict[str, Any] | None = Field(None, description="What a retry changed of the task: its model, say.")
    before: dict[str, float] = Field(default_factory=dict, description="What of the figures is its earlier sessions'.")
    session: str | None = Field(None, description="The worker CLI's own session, which a later run resumes.")
    ticked: int = Field(0, ge=0)
    items: int = Field(0, ge=0)
    files: list[str] = Field(default_factory=list, description="What it changed, as far as its CLI tells.")
    last: str = Field("", description="The last thing it was seen to do.")
    cost_usd: float | None = Field(None, description="What it cost, as far as its CLI tells.")
    tokens: int | None = Field(None, description="All that it used: read, cached and written.")
    beside: dict[str, Used] = Field(default_factory=dict, description="What of its last run's other models used.")
    tokens_in: int | None = None
    tokens_out: int | None = None
    turns: int | None = Field(None, description="Calls of its model; else what it was seen to do.")
    worked: float = Field(0, ge=0, strict=False, description="For how many seconds its earlier runs ran.")
    waited: float = Field(0, ge=0, strict=False, description="Of its last run's seconds those that it waited for you.")
    asks_since: Time | None = Field(None, description="Since when it waits for the person.")
    granted: dict[str, float] | None = Field(
        None, strict=False, description="What it had used when its budget began to count."
    )
    summary: str = Field("", description="The worker's own line about what came of it.")
    output: bool = Field(False, description="Whether there is an output.md.")
    worktree: Worktree | None = None
    shares: list[str] | None = Field(None, description="The tasks that were at work in the same folder.")
    taken: Taken | None = None
    opened: Taken | None = Field(None, description="What it had been told when its last run began.")


class Question(Ours):
    """questions/NNN.json: what a worker asks the person."""

    n: int = Field(ge=1)
    kind: Literal["question", "permission"]
    text: str
    options: list[str]
    asked: Time
    run: int = Field(ge=1)
    tool: str = Field(ABSENT, description="The tool call that waits for the answer, where one does.")
    input: dict[str, Any] = Field(ABSENT)
    request: str = Field(ABSENT, description="That call, by its CLI's number: several questions may be of one.")
    ref: str = Field(ABSENT, description="The file or plan item that asked, where one did.")


class Flag(Ours):
    """flags/NNN.json: what a worker wanted the person to know at once."""

    n: int = Field(ge=1)
    text: str
    at: Time
    run: int = Field(ge=1)
    ref: str = Field(description="The file that raised it.")


class Answer(Ours):
    """answers/NNN.json: the first answer to the question of that number; never changed."""

    n: int = Field(ge=1)
    text: str
    by: Literal["typed", "relayed", "terminal"]
    at: Time
    moot: bool = Field(ABSENT, description="Nobody answered: the question was withdrawn.")


class Retry(Ours):
    """An order to start again in a new conversation, with another model perhaps."""

    model: str = Field(ABSENT)
    alias: str = Field(ABSENT)
    alias_prompt: str = Field(ABSENT)
    backend: str = Field(ABSENT)
    budget: Budget = Field(ABSENT)
    permissions: Permissions = Field(ABSENT)
    fallback: str = Field(ABSENT)


class Note(Answer):
    """notes/NNN.json: what the person told a worker unasked."""

    retry: Retry = Field(ABSENT)
    resumes: Literal[True] = Field(ABSENT, description="Only has it go on: nothing more is granted of its budget.")


class _News(Ours):
    key: str = Field(pattern="~", description="<project>~<task>, as on the active list.")
    task: str
    project: str
    chat: str
    run: int = Field(ge=0)
    model: str = Field(description="What a person calls who did it: alias, model or backend.")
    text: str
    made: Time


class Asked(_News):
    """An event of an inbox: a worker asks."""

    kind: Literal["question", "permission"]
    options: list[str]
    question: int = Field(ge=1)


class Ended(_News):
    """An event of an inbox: a task has ended."""

    kind: Literal["finished", "checked", "stopped", "failed", "lost", "waiting"]
    path: str = Field(description="What the worker wrote, from the project's root; empty where it wrote nothing.")
    ticked: int | None
    items: int | None
    cost_usd: float | None
    tokens: int | None = None
    seconds: int | None
    branch: str = Field(ABSENT, description="The branch of its worktree, where there is something on it.")
    work: str = Field(ABSENT, description="What is on it, in figures; or what is wrong with it.")
    shares: list[str] = Field(ABSENT, description="The tasks that are at work in the same folder still.")


class Flagged(_News):
    """An event of an inbox: a worker wants the person to know something at once."""

    kind: Literal["flag"]
    about: str = Field(description="Which flag of the task.")


class Silent(_News):
    """An event of an inbox: a worker has said nothing for long."""

    kind: Literal["silent"]
    about: str = Field(description="Which silence.")


class Held(_News):
    """An event of an inbox: a task cannot start, because one that it comes after ended otherwise."""

    kind: Literal["held"]
    parent: str
    about: str = Field(description="Which end of the parent.")


Event = Annotated[Asked | Ended | Flagged | Held | Silent, Field(discriminator="kind")]


# reports


class Open(Ours):
    n: int
    kind: Literal["question", "permission"]
    text: str
    options: list[str]
    asked: Time


class Diffstat(Ours):
    """What a branch changes, in lines."""

    files: int
    added: int
    removed: int


class Row(Ours):
    """One task, as `show --json` prints it."""

    id: str = Field(description="What it is called, in commands and in the chat.")
    title: str = Field(description="The first words of what was asked.")
    state: Literal[State, "asks", "held"] = Field(
        description="asks: a question of it is open; held: it comes after a task that failed, and waits for you."
    )
    why: str = Field(description="Why it is so, in words.")
    who: str = Field(description="Alias, model or backend.")
    backend: str
    permissions: Permissions
    project: str
    where: str = Field(description="The launcher and node it runs on; empty for here.")
    folder: str = Field(description="Where its plan and output are.")
    branch: str | None = Field(description="The git branch of its worktree, while there is one.")
    worktree: str | None = Field(description="Its own checkout, while there is one.")
    work: Literal["open", "merged", "discarded", "empty"] | None = Field(
        description="What became of what it did in its worktree; open while nobody decided. None where it has none."
    )
    commits: int | None = Field(description="How many commits its branch has.")
    diffstat: Diffstat | None
    shares: list[str] = Field(description="The tasks that are at work in the same folder.")
    ticked: int = Field(description="Items of its plan that are ticked.")
    items: int = Field(description="Items of its plan.")
    made: Time = Field(description="When it was dispatched, in seconds since 1970-01-01 UTC.")
    ended: Time | None
    seconds: int | None = Field(description="How long its present or last run took; none before the first.")
    cost_usd: float | None = Field(description="Dollars, where its CLI tells them.")
    tokens: int | None = Field(description="Tokens, where its CLI tells them.")
    summary: str = Field(description="What its worker said at the end, cut.")
    last: str = Field(description="What its worker did last.")
    session: str | None = Field(description="Its conversation, as its CLI calls it.")
    run: int = Field(description="Which life of a worker for it this is, from 1 on.")
    questions: list[Open]


class StatusReport(Ours):
    """`dispatch-hooks status --json`."""

    tasks: list[Row]


class Known(Ours):
    """One name that a task may be given to."""

    name: str
    kind: Literal["alias", "model", "backend", "family", "listed"] = Field(
        description="Where it is from: your configuration (alias, model), a backend or a family that is always known, "
        "or the list of a CLI."
    )
    backend: str
    model: str = Field(description="What the CLI calls it; empty for the CLI's own default.")
    default: bool = Field(description="Whether a task that names no model goes to it.")
    installed: bool = Field(description="Whether its CLI is on PATH.")


class Lists(Ours):
    """What one CLI said of its models."""

    asked: Time | None
    models: int
    default: str = Field(description="What it takes where none is named; empty where it does not tell.")
    why: str = Field(description="Why it told none; empty where it did.")


class ModelsReport(Ours):
    """`dispatch-hooks models --json`."""

    models: list[Known]
    lists: dict[str, Lists] = Field(description="Each CLI that can tell its models, by its backend.")


class Spent(Ours):
    """What runs used; None where no CLI told it."""

    runs: int
    seconds: float
    cost_usd: float | None
    tokens: int | None


class SpentByModel(Spent):
    model: str
    backend: str
    tasks: int


class SpentByTask(Spent):
    task: str
    models: list[str]


class SpentInAll(Spent):
    tasks: int


class StatsReport(Ours):
    """`dispatch-hooks stats --json`."""

    since: Time | None
    models: list[SpentByModel]
    tasks: list[SpentByTask]
    total: SpentInAll


class Parsed(Ours):
    """One task that a prompt asks for."""

    model_config = ConfigDict(extra="allow", strict=True)

    id: str
    title: str
    model: str | None
    alias: str | None
    backend: str | None
    worktree: bool | str | None
    after: str | list[str] | None
    plan: list[str]
    context: str


class ConfigReport(Ours):
    """`dispatch-hooks config show --json`: what is in force."""

    file: str = Field(description="Where the configuration is, or would be.")
    broken: str | None = Field(description="Why it is not in force; nothing where it is.")
    values: Config = Field(description="Every key: docs/configuration.md.")
    origin: dict[str, str] = Field(alias="from", description="The file that says a key; no key of the defaults.")


class ParseReport(Ours):
    """`dispatch-hooks parse --json`: how a prompt would be understood."""

    model_config = ConfigDict(extra="allow", strict=True)

    dispatch: bool = Field(description="Whether it asks for workers.")
    tasks: list[Parsed]
    reason: str = Field(description="Why it is understood so, in words.")


class Finding(Ours):
    check: str = Field(description="What was looked at.")
    state: Literal["ok", "warn", "fail"]
    text: str = Field(description="What was found.")
    fix: str | None = Field(description="What to type.")
    about: str = Field(description="The anchor in docs/troubleshooting.md that explains it.")


class DoctorReport(Ours):
    """`dispatch-hooks doctor --json`."""

    ok: bool = Field(description="Whether nothing fails; warnings may be there.")
    findings: list[Finding]


# what Claude Code gives to hooks (captured: tests/events)


class HookInput(BaseModel):
    """What every event holds; fields that we do not know may be there."""

    model_config = ConfigDict(extra="allow", strict=True)

    session_id: str = Field(min_length=1)
    transcript_path: str
    cwd: str
    prompt_id: str = ""


class UserPromptSubmitInput(HookInput):
    hook_event_name: Literal["UserPromptSubmit"]
    prompt: str
    permission_mode: str = ""


class StopInput(HookInput):
    hook_event_name: Literal["Stop"]
    stop_hook_active: bool
    permission_mode: str = ""
    last_assistant_message: str = ""


class SessionStartInput(HookInput):
    hook_event_name: Literal["SessionStart"]
    source: Literal["startup", "resume", "clear", "compact", "fork"]
    model: str = ""


class SessionEndInput(HookInput):
    hook_event_name: Literal["SessionEnd"]
    reason: str


class NotificationInput(HookInput):
    hook_event_name: Literal["Notification"]
    notification_type: str
    message: str = ""


# what our hooks print: one such document or nothing

Context = Annotated[str, Field(max_length=10_000, description="Longer, and Claude Code puts a file in its place.")]


class Stopped(Ours):
    """The prompt ends here, without a model call. Claude Code would drop anything that stood beside."""

    continue_: Literal[False] = Field(alias="continue")
    stopReason: str = Field(min_length=1)


class PromptContext(Ours):
    hookEventName: Literal["UserPromptSubmit"]
    additionalContext: Context


class News(Ours):
    """The digest: for the model, for the person, or both."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    systemMessage: str = Field(ABSENT, min_length=1)
    hookSpecificOutput: PromptContext = Field(ABSENT)


UserPromptSubmitOutput = Stopped | News


class StopOutput(Ours):
    """Words for the person. It never forces a turn: no decision, no context."""

    systemMessage: str = Field(min_length=1)


class StartContext(Ours):
    hookEventName: Literal["SessionStart"]
    additionalContext: Context


class SessionStartOutput(Ours):
    """What a new or compacted context must be reminded of."""

    hookSpecificOutput: StartContext
    systemMessage: str = Field(ABSENT, min_length=1)


class SessionEndOutput(Ours):
    """Nobody reads what SessionEnd prints: the empty object at most."""


class NotificationOutput(Ours):
    """A desktop notification: the one thing that Claude Code takes from this event."""

    terminalSequence: str = Field(pattern="^\x1b\\][^\x1b\x07]*\x07$")
