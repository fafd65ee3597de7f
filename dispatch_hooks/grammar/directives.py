"""What an item says about how it is to be done: who, worktree, after, read-only, budget, timeout, directory, rights.

Directives leave the title; the worker's text keeps every word. The same words elsewhere are subject matter: "compare
opus and sonnet", "the timeout 30s is too short". So a phrase counts only where a clause opens, or closes, as its rule
says.
"""

from __future__ import annotations

from dispatch_hooks.grammar import names, quoted
from dispatch_hooks.grammar.words import VERBS, Word, closes, firsts, impolite, match, opens, polite_start, words

TITLE = 100

READ = 8000
"""Characters of an item that are looked at."""


class Item:
    """An item on one line: text, words, found {field: value} and spans [(first word, word behind)] of directives."""

    def __init__(self, text: str, vocabulary: dict, numbers=()):
        self.text = " ".join(text[:READ].split())
        self.words = words(quoted.mask(self.text, vocabulary))
        self.vocabulary, self.numbers = vocabulary, numbers
        self.tasks = {task.lower() for task in vocabulary.get("tasks", ())}
        self.found: dict = {}
        self.spans: list[tuple[int, int]] = []

    def take(self, first: int, behind: int, **found) -> None:
        self.spans.append((first, behind))
        self.found.update(found)

    def awaits(self, found: list[Word], place: int) -> tuple | None:
        """A task that this item can wait for: a known one, or the number of another item."""
        name = found[place].low.removeprefix("#") if place < len(found) else ""
        number = name.isdecimal() and name.isascii() and len(name) < 4 and int(name) in self.numbers
        return (place + 1, name) if number or name in self.tasks else None

    def edges(self, first: int, behind: int) -> tuple[int, int]:
        """Where a span of words begins and ends in the text, quotes around a name included."""
        start, end = self.words[first].start, self.words[behind - 1].end
        quotes = self.text[start - 1 : start] if start else ""
        return (start - 1, end + 1) if quotes and quotes in "`\"'" else (start, end)

    def taken(self, place: int) -> bool:
        return any(first <= place < behind for first, behind in self.spans)


def read(text: str, vocabulary: dict, numbers=(), who: str = "any") -> dict:
    """The directives of an item, and its title.

    numbers: what `after 2` may mean; who: may it name a model? Returns {"title": words or ""} and, of what is said,
    "model", "alias" and "backend" (all or none, one is set), "worktree": bool, "base", "after": [words as typed],
    "read_only": True, "budget": {"usd","tokens","turns"}, "timeout": seconds, "directory", "permissions".
    """
    item = Item(text, vocabulary, numbers)
    _phrases(item)
    if who:
        _who(item, who)
    return {**item.found, "title": title(item)}


# how it is done

WORKTREE = "a|an|its|their? own|new|separate|isolated|fresh|dedicated? git? worktree|worktrees"

RULES = (
    (f"in|into|inside|using|with {WORKTREE} <base>?", "closes", "worktree"),
    (f"use {WORKTREE} <base>?", "both", "worktree"),
    ("own|separate? git? worktree|worktrees <base>?", "both", "worktree"),
    ("no worktree|worktrees", "opens", "no worktree"),
    ("without a|any? worktree|worktrees", "closes", "no worktree"),
    ("don't|dont|not use|in a|any? worktree|worktrees", "closes", "no worktree"),
    ("do not use a|any? worktree|worktrees", "closes", "no worktree"),
    ("after <tasks> <done>?", "closes", "after"),
    ("once|when <tasks> <done>", "", "after"),
    ("keep|make|strictly|as? it? in? read-only|readonly mode?", "both", "read only"),
    ("read only mode?", "both", "read only"),
    ("don't|dont|never|without <changing> <anything>", "closes", "read only"),
    ("do not <changing> <anything>", "closes", "read only"),
    ("make? no code|file|further? edits|changes|writes", "both", "read only"),
    ("a|the? budget of|is? at? most? <amount>", "opens", "budget"),
    ("at most <amount>", "opens", "budget"),
    ("max|maximum|limit|cap of? <amount>", "opens", "budget"),
    ("up to <amount>", "opens", "budget"),
    ("no more than <amount>", "opens", "budget"),
    ("spend at? most? up? to? <amount>", "opens", "budget"),
    ("within <time>", "closes", "within"),
    ("a? timeout|time-out of|is|after? <time>", "opens", "timeout"),
    ("a? time limit of|is? <time>", "opens", "timeout"),
    ("at most <time>", "both", "timeout"),
    ("max|maximum <time>", "both", "timeout"),
    ("cwd|dir|directory <path>", "opens", "directory"),
    ("working directory <path>", "opens", "directory"),
    ("work? in the? directory|folder|dir <path>", "closes", "directory"),
    ("permissions|permission mode? <rights>", "opens", "permissions"),
    ("with? <rights> permissions|permission mode?", "both", "permissions"),
    ("skip|skipping|bypass|bypassing all? the? permissions|permission checks|prompts?", "both", "bypass"),
    ("--dangerously-skip-permissions", "", "bypass"),
)
"""(a phrase, whether a clause must open before it, close behind it, or both, what it is)."""

ANY_OF_IT = ("anything", "files", "code", "any files", "any code", "any file", "the code", "any of it", "any of the code")

SUBJECT = {
    "worktree": frozenset("running used executed opened happens fails started launched checked works created".split()),
    "within": frozenset(
        "expire expires expired respond responds retry retries return returns happen happens arrive arrives finish finishes "
        "complete completes refresh reset renew succeed fail fails fires occur occurs valid delivered resolved twice be "
        "happened created changed modified done sent answered".split()
    ),
}
"""Behind these words a phrase is what the task is about."""


def _phrases(item: Item) -> None:
    """Takes every phrase of RULES where it counts; behind one the search goes on."""
    place = 0
    while place < len(item.words):
        place = _rule(item, place) or place + 1


def _rule(item: Item, place: int) -> int:
    for phrase, where, what in _BY_WORD.get(item.words[place].low, ()):
        step = match(item.words, place, phrase, _kinds(item))
        if step and _counts(item, place, step[0], where, what):
            _TAKE[what](item, place, *step)
            return step[0]
    return 0


def _counts(item: Item, place: int, behind: int, where: str, what: str) -> bool:
    if where in ("opens", "both") and not opens(item.words, place):
        return False
    if where in ("closes", "both") and not closes(item.words, behind):
        return False
    return place == 0 or item.words[place - 1].low not in SUBJECT.get(what, ())


def _kinds(item: Item) -> dict:
    return {**_KINDS, "tasks": lambda found, place: _tasks(found, place, item)}


def _base(found: list[Word], place: int) -> tuple | None:
    """ "from main", "off the develop branch", "based on branch release-2"."""
    step = match(found, place, "from|off the? branch?", {}) or match(found, place, "based on|off the? branch?", {})
    if not step or step[0] >= len(found) or found[step[0] - 1].after:
        return None
    after = step[0] + 1
    return after + (after < len(found) and found[after].low == "branch"), found[step[0]]


def _tasks(found: list[Word], place: int, item: Item) -> tuple | None:
    """ "add-auth", "1", "#2 and 3", "task 1, 2 and docs": known tasks, or numbers of this prompt."""
    awaited = []
    step = match(found, place, "task|item|number? <task>", {"task": item.awaits})
    while step:
        place, said = step
        awaited.append(said["task"])
        listed = found[place - 1].after in ("", ",", "&")
        step = match(found, place, "and? task|item|number? <task>", {"task": item.awaits}) if listed else None
    return (place, awaited) if awaited else None


def _done(found: list[Word], place: int) -> tuple | None:
    step = match(
        found, place, "is|has|are|have? been? done|finished|finishes|complete|completed|completes|ready|merged|landed|ended", {}
    )
    return step and (step[0], True)


def _changing(found: list[Word], place: int) -> tuple | None:
    stem = "change|changing|edit|editing|modify|modifying|touch|touching|write|writing"
    step = match(found, place, stem, {})
    return step and (step[0], True)


def _anything(found: list[Word], place: int) -> tuple | None:
    step = next((s for s in (match(found, place, words, {}) for words in ANY_OF_IT) if s), None)
    return step and (step[0], True)


def _amount(found: list[Word], place: int) -> tuple | None:
    """ "$2", "2 dollars", "200k tokens", "40 turns"."""
    low = found[place].low
    unit = found[place + 1].low if place + 1 < len(found) and not found[place].after else ""
    number = _number(low.strip("$").removesuffix("k").removesuffix("m").replace(",", ""))
    if number is None:
        return None
    if low.startswith("$") or unit in ("usd", "dollar", "dollars"):
        return place + 1 + (not low.startswith("$")), {"usd": number}
    if unit in ("token", "tokens"):
        return place + 2, {"tokens": round(number * {"k": 1000, "m": 1_000_000}.get(low[-1], 1))}
    return (place + 2, {"turns": int(number)}) if unit in ("turn", "turns") else None


def _number(text: str) -> float | None:
    plain = len(text) < 12 and text.isascii() and text.replace(".", "", 1).isdecimal()
    return float(text) if plain else None


SECONDS = {
    **dict.fromkeys("s sec secs second seconds".split(), 1),
    **dict.fromkeys("m min mins minute minutes".split(), 60),
    **dict.fromkeys("h hr hrs hour hours".split(), 3600),
}


def _time(found: list[Word], place: int) -> tuple | None:
    """ "30m", "30 minutes", "an hour": in seconds."""
    low = found[place].low
    unit = low.lstrip("0123456789.")
    number = 1.0 if low in ("a", "an", "one") else _number(low[: len(low) - len(unit)])
    if number and unit in SECONDS:
        return place + 1, number * SECONDS[unit]
    following = found[place + 1].low if place + 1 < len(found) and not found[place].after else ""
    if number is None or following not in SECONDS or (unit and number != 1):
        return None
    return place + 2, number * SECONDS[following]


def _path(found: list[Word], place: int) -> tuple | None:
    return place + 1, found[place]


def _rights(found: list[Word], place: int) -> tuple | None:
    return (place + 1, found[place].low) if found[place].low in ("ask", "auto", "bypass") else None


_KINDS = {
    "base": _base,
    "done": _done,
    "changing": _changing,
    "anything": _anything,
    "amount": _amount,
    "time": _time,
    "path": _path,
    "rights": _rights,
}


def _typed(item: Item, word: Word | None) -> str | None:
    """The word as it was typed, capitals included."""
    return item.text[word.start : word.end].rstrip("/") or None if word else None


def _take_worktree(item: Item, first: int, behind: int, said: dict) -> None:
    item.take(first, behind, worktree=True, base=_typed(item, said.get("base")))


def _take_after(item: Item, first: int, behind: int, said: dict) -> None:
    item.take(first, behind, after=[*item.found.get("after", []), *said["tasks"]])


def _take_budget(item: Item, first: int, behind: int, said: dict) -> None:
    item.take(first, behind, budget={**item.found.get("budget", {}), **said["amount"]})


_TAKE = {
    "worktree": _take_worktree,
    "no worktree": lambda item, a, b, said: item.take(a, b, worktree=False),
    "after": _take_after,
    "read only": lambda item, a, b, said: item.take(a, b, read_only=True),
    "budget": _take_budget,
    "within": lambda item, a, b, said: item.take(a, b, timeout=said["time"]),
    "timeout": lambda item, a, b, said: item.take(a, b, timeout=said["time"]),
    "directory": lambda item, a, b, said: item.take(a, b, directory=_typed(item, said["path"])),
    "permissions": lambda item, a, b, said: item.take(a, b, permissions=said["rights"]),
    "bypass": lambda item, a, b, said: item.take(a, b, permissions="bypass"),
}


def _index() -> dict:
    """{a word: the rules that may begin with it}."""
    found: dict = {}
    for rule in RULES:
        for word in firsts(rule[0]):
            found.setdefault(word, []).append(rule)
    return found


_BY_WORD = _index()


# who does it

FOLLOWING = frozenset("to for in and on at as with please instead here this but so then".split())

MAKING = frozenset("have ask let get".split())

AIMING = frozenset("dispatch delegate assign hand give".split())

SPOKEN_OF = frozenset(
    "api and or as is are was were has codec data model's key keys pricing prices support access credentials".split()
)
"""Behind "ask opus …" these make opus a thing, not somebody."""

ABOUT = frozenset(
    "compare comparing compares comparison integrate integrates integration integrating replace replacing migrate migrating "
    "switch switching connect connecting work works working compatible compatibility support supports supporting versus vs "
    "talk talks deal deals interact interacts problem problems issue issues bug bugs error errors familiar how trained "
    "encode encoded encoding decode compress compressed calls client wrapper adapter plugin chat chatbot".split()
)
"""With one of these before it, "with gemini" at a clause's end is what the task is about."""


def _who(item: Item, who: str) -> None:
    """The last name in a directive form wins; all of them leave the title."""
    begins, place = names.begins(item.vocabulary), 0
    while place < len(item.words):
        step = 1
        if item.words[place].low.startswith(begins) and not item.taken(place):
            name, count = names.read(_bare(item.words[place : place + 4]), item.vocabulary)
            first = _named(item, place, place + count, who) if name else None
            if first is not None:
                item.take(first, _behind(item, place + count), **name)
            step = count or 1
        place += step


def _bare(found: list[Word]) -> list[str]:
    """The words up to the first with a mark behind it."""
    end = next((n for n, word in enumerate(found, 1) if word.after), len(found))
    return [word.low for word in found[:end]]


def _behind(item: Item, behind: int) -> int:
    """Takes along "model" or "agent" behind a name."""
    role = match(item.words, behind, "model|worker|agent|subagent", {}) if behind < len(item.words) else None
    return behind + 1 if role and not item.words[behind - 1].after else behind


def _named(item: Item, place: int, behind: int, who: str) -> int | None:
    """Where the directive begins that a name stands in, None where the name is subject matter."""
    first = place
    while first and not _marked(item, first) and item.words[first - 1].low in ("the", "a", "an", "model", "our"):
        first -= 1
    before = item.words[first - 1].low if first and not _marked(item, first) else ""
    if before in ("use", "using", "with", "via", "on"):
        return _by_means_of(item, first - 1, _behind(item, behind), before, who)
    if before in MAKING:
        return _somebody(item, first - 1, behind)
    if before == "dispatch" or before == "to":
        return _aimed(item, first - 1, behind)
    if first != place and item.words[first].low == "model" and opens(item.words, first):
        return first
    return _alone(item, place, behind)


def _marked(item: Item, place: int) -> bool:
    """Does a mark, other than a colon, stand before this word?"""
    return bool(item.words[place].before or item.words[place - 1].after not in ("", ":", "="))


def _follows(item: Item, behind: int) -> bool:
    """May this stand behind a directive's name? "use opus codec" is about a codec."""
    if closes(item.words, behind) or item.taken(behind):
        return True
    return item.words[behind].low in FOLLOWING or item.words[behind].low in VERBS


def _by_means_of(item: Item, first: int, behind: int, before: str, who: str) -> int | None:
    """ "use opus", "run it on opus", "with sonnet"."""
    if first > 1 and item.words[first - 1].low in ("it", "this", "that") and item.words[first - 2].low in ("do", "run"):
        first -= 2
    if opens(item.words, first):
        return first if _follows(item, behind) else None
    if before in ("use", "on") or who == "clear":
        return None
    ends = behind == len(item.words) or bool(item.words[behind - 1].after) or item.taken(behind)
    return first if ends and not _about(item, first) else None


def _about(item: Item, place: int) -> bool:
    """Is the sentence before this word about models, rather than for one?"""
    for word in reversed(item.words[:place]):
        if word.low in ABOUT:
            return True
        if set(word.after) & set(".;!?"):
            return False
    return False


def _somebody(item: Item, first: int, behind: int) -> int | None:
    """ "have opus review", "ask sonnet to"."""
    if not opens(item.words, first) or behind >= len(item.words) or item.words[behind - 1].after:
        return None
    return None if item.words[behind].low in SPOKEN_OF else first


def _aimed(item: Item, first: int, behind: int) -> int | None:
    """ "dispatch sonnet", "dispatch to codex", "give this to opus"."""
    start = first
    if item.words[start].low == "to" and start:
        start -= item.words[start - 1].low in ("it", "this", "that", "these", "those", "them")
        start -= start > 0 and item.words[start - 1].low in AIMING
    aims = item.words[start].low in AIMING or start == first
    return start if aims and opens(item.words, start) and _follows(item, behind) else None


def _alone(item: Item, place: int, behind: int) -> int | None:
    """ "opus: review …", "…, sonnet, worktree", "have opus review and sonnet test"."""
    following = item.words[behind].low if behind < len(item.words) else ""
    if place == 0:
        return 0 if item.words[behind - 1].after or following == "to" or following in VERBS or not following else None
    if following in VERBS and item.words[place - 1].low in ("and", "then") and _made(item, place):
        return place
    if not _marked(item, place) or _enumerated(item, place):
        return None
    rest = (n for n in range(behind, len(item.words)) if not item.taken(n))
    if all(item.words[n].low in ("and", "please", "thanks", "too") for n in rest):
        return place
    return place if _sentence_of_its_own(item, place, behind) else None


def _made(item: Item, place: int) -> bool:
    return any(word.low in MAKING and opens(item.words, n) for n, word in enumerate(item.words[:place]))


def _enumerated(item: Item, place: int) -> bool:
    """ "compare haiku, sonnet, opus": the word before is a name, too, and in no directive."""
    before = item.words[place - 1]
    return "," in before.after and not item.taken(place - 1) and names.known(before.low, item.vocabulary) is not None


def _sentence_of_its_own(item: Item, place: int, behind: int) -> bool:
    while item.taken(behind) and not item.words[behind - 1].after:
        behind += 1
    opened = set(item.words[place - 1].after + item.words[place].before)
    return bool(opened & set(".;!?(") and set(item.words[behind - 1].after) & set(".;!)"))


# what it is called

TRAILING = ("do it", "do this", "do that", "run it", "and", "but", "then", "please", "work", "each", "with", "in")

LEADING = ("to", "and", "but", "then", "please", "it", "have it", "to have it")


def title(item: Item) -> str:
    """The first sentence without its directives, at most 100 characters."""
    found, place, behind = "", 0, False
    for first, last in sorted(item.spans):
        start, end = item.edges(first, last)
        if start >= place:
            found = _glued(found, item.text[place:start], behind, True)
        place, behind = max(place, end), True
    return _short(_sentence(_glued(found, item.text[place:], behind, False)))


def _glued(found: str, piece: str, behind: bool, before: bool) -> str:
    """What is there and the next piece; "have opus review and sonnet test" is glued by its own "and"."""
    bare = _trim(piece, behind, before)
    if not found or not bare:
        return found or bare
    return f"{found} {bare}"


def _trim(piece: str, behind: bool, before: bool) -> str:
    """Without the marks and connecting words that the directives behind and before it leave there."""
    low = None
    while low != piece:
        low = piece
        piece = piece.strip(" ,;:–—-").lstrip(".!?)]").rstrip("([ ")
        count = polite_start(piece.lower().split()[:5])
        piece = " ".join(piece.split(" ")[count:]) if count else piece
        piece = _cut(piece, behind, before)
    return piece


def _cut(piece: str, behind: bool, before: bool) -> str:
    low = piece.lower()
    if behind:
        piece = next((piece[len(w) + 1 :] for w in LEADING if low.startswith(f"{w} ")), piece)
    if before:
        piece = next((piece[: -len(w)] for w in TRAILING if piece.lower().endswith(f" {w}") or piece.lower() == w), piece)
    return piece


def _sentence(text: str) -> str:
    for place, mark in enumerate(text[:-1]):
        if mark in ".!?" and text[place + 1] == " " and place > 2 and text[place - 2 : place].strip(")").isalpha():
            return text[:place].strip()
    return text.strip().rstrip(".?!")


def _short(text: str) -> str:
    if len(text) <= TITLE:
        return text
    return text[:TITLE].rsplit(" ", 1)[0].rstrip(" ,;:-(") + "…"


def plain(text: str) -> str:
    """A title for an item that is nothing but directives."""
    return _short(" ".join(text[:READ].split()))
