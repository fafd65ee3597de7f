"""The loop as a recording, docs/loop.svg: the real Claude Code in tmux, looked at while it happens.

    python -m tools.recording       needs tmux and npm, as the tests do; about half a minute

What is seen is what tmux showed, colours included. The model's words and what the workers do are scripted
(tests/harness/modelserver); pauses are cut to what a reader needs.
"""

from __future__ import annotations

import html
import re
import threading
import time
from pathlib import Path

from rich.color import Color
from rich.style import Style
from rich.text import Text

from tests.harness import tmux
from tests.harness.claude import Sandbox
from tests.harness.modelserver import ModelServer, host, tool, worker
from tests.product import Product

TARGET = Path(__file__).resolve().parents[1] / "docs" / "loop.svg"
COLUMNS, LINES = 96, 34
LONGEST = 2.2
"""Seconds that a still picture stands at most, but for the last and those to be read."""

# the scene


def tick(task: str, said: str):
    folder = f".dispatch/tasks/{task}"
    command = f"sleep 1; sed -i 's/\\[ \\]/[x]/' {folder}/plan.md && echo '{said}' > {folder}/output.md"
    return tool("Bash", command=command, description="tick")


def ask(words: str, *options: str):
    chosen = "".join(f" --option '{option}'" for option in options)
    return tool("Bash", command=f"dispatch-hooks ask '{words}'{chosen}", description="ask")


def script(server: ModelServer) -> None:
    server.rule(worker("audit the login"), tick("audit-login", "One finding: reset links never expire"), "done")
    server.rule(
        worker("write the API docs"),
        ask("Which OpenAPI version, 3.0 or 3.1?", "3.0", "3.1"),
        tick("write-api-docs", "Wrote openapi.yaml, 24 endpoints, version 3.1"),
        "done",
    )
    asks = "write-api-docs would like to know which OpenAPI version to use: 3.0 or 3.1."
    done = "Both are done. The audit found one thing worth your time: reset links never expire."
    server.rule(host("write-api-docs asks"), asks, repeat=True)
    server.rule(host("Which OpenAPI"), asks, repeat=True)
    server.rule(host("task-notification"), done, repeat=True)


def play(chat: tmux.Chat, product: Product) -> None:
    typed(chat, "dispatch opus:\n1) audit the login\n2) write the API docs, use sonnet")
    chat.wait_for("Dispatched 2 tasks")
    chat.wait_for("2. 3.1")
    chat.wait_idle()
    time.sleep(2.5)
    typed(chat, "answer: 3.1")
    chat.wait_for("answered write-api-docs")
    product.wait("write-api-docs", "finished")
    chat.wait_for("Both are done.")
    chat.wait_idle()
    time.sleep(1.5)


def typed(chat: tmux.Chat, words: str) -> None:
    """Types as a person does, so that it can be seen."""
    for piece in re.findall(r"\n|[^\n]{1,3}", words):
        chat.key("C-j") if piece == "\n" else chat._tmux("send-keys", "-l", "--", piece)
        time.sleep(0.09)
    chat.wait_for(lambda _: tmux.squeezed(chat.typed).endswith(tmux.squeezed(words)[-20:]))
    time.sleep(0.5)
    chat.enter()


# the camera


class Camera(threading.Thread):
    """Looks at the screen ten times a second; keeps (when, screen) of every change."""

    def __init__(self, chat: tmux.Chat) -> None:
        super().__init__(daemon=True)
        self.chat, self.frames, self.running = chat, [], True

    def run(self) -> None:
        while self.running:
            screen = self.chat._tmux("capture-pane", "-p", "-e")
            if not self.frames or self.frames[-1][1] != screen:
                self.frames.append((time.monotonic(), screen))
            time.sleep(0.1)

    def stop(self) -> list[tuple[float, str]]:
        self.running = False
        self.join()
        return self.frames


def record() -> list[tuple[float, str]]:
    tmux.WIDTH, tmux.HEIGHT = COLUMNS, LINES
    with ModelServer() as server:
        sandbox = Sandbox(server.url)
        try:
            sandbox.install_claude()
            product = Product(sandbox).install()
            script(server)
            chat = tmux.Chat(sandbox, "--model", "opus")
            camera = Camera(chat)
            camera.start()
            play(chat, product)
            frames = camera.stop()
            chat.exit()
            return [(at, screen.replace(str(sandbox.project), "~/shop")) for at, screen in frames]
        finally:
            sandbox.end()


def paced(frames: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """(how long, screen): as long as it stood, within reason."""
    ends = [at for at, _ in frames[1:]] + [frames[-1][0] + 6]
    last = len(frames) - 1
    stood = [end - at for (at, _), end in zip(frames, ends, strict=True)]
    return [(min(max(each, 0.05), LONGEST if n < last else 6), frames[n][1]) for n, each in enumerate(stood)]


# the picture

CELL, ROW, SIZE, EDGE = 7.83, 17, 13, 12
INK, PAPER = "#d8dee6", "#14181d"

STYLE = """\
text{{font:{size}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:{ink};white-space:pre}}
.f{{visibility:hidden;animation-duration:{total:.2f}s;animation-iteration-count:infinite}}
.f{{animation-timing-function:step-end}}
{frames}
@media (prefers-reduced-motion:reduce){{.f{{animation:none}}#last{{visibility:visible}}}}"""


def picture(frames: list[tuple[float, str]]) -> str:
    """An SVG that plays by itself, for ever; whoever wants no motion sees its end."""
    total = sum(length for length, _ in frames)
    rules, groups, begun = [], [], 0.0
    for n, (length, screen) in enumerate(frames):
        rules.append(_rule(n, begun / total, (begun + length) / total))
        last = ' id="last"' if n == len(frames) - 1 else ""
        groups.append(f'<g class="f f{n}"{last}>{_screen(screen)}</g>')
        begun += length
    style = STYLE.format(size=SIZE, ink=INK, total=total, frames="\n".join(rules))
    width, height = round(COLUMNS * CELL + 2 * EDGE), LINES * ROW + 2 * EDGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="Claude Code in a terminal: two tasks are dispatched, one asks, the answer is typed, '
        f'both finish">\n<style>{style}</style>\n<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>\n'
        + "\n".join(groups)
        + "\n</svg>\n"
    )


def _rule(n: int, start: float, end: float) -> str:
    name = f"k{n}"
    before = "" if start == 0 else "0%{visibility:hidden}"
    after = "" if end >= 1 else f"{100 * end:.3f}%{{visibility:hidden}}"
    shown = f"{100 * start:.3f}%{{visibility:visible}}"
    return f"@keyframes {name}{{{before}{shown}{after}}}.f{n}{{animation-name:{name}}}"


def _screen(screen: str) -> str:
    lines = (Text.from_ansi(line) for line in screen.rstrip("\n").split("\n"))
    return "".join(_line(line, EDGE + ROW * n + SIZE) for n, line in enumerate(lines) if line.plain.strip())


def _line(line: Text, y: int) -> str:
    """One line of the screen: pieces of the same style, each where its column is."""
    pieces, at = [], 0
    while at < len(line.plain):
        style = _style(line, at)
        end = at + 1
        while end < len(line.plain) and _style(line, end) == style:
            end += 1
        text = line.plain[at:end]
        if text.strip():
            lead = len(text) - len(text.lstrip(" "))
            x = EDGE + CELL * (at + lead)
            words = html.escape(text.strip(" "), quote=False)
            length = CELL * len(text.strip(" "))
            pieces.append(f'<tspan x="{x:.1f}" textLength="{length:.1f}"{style}>{words}</tspan>')
        at = end
    return f'<text y="{y}">{"".join(pieces)}</text>'


def _style(line: Text, at: int) -> str:
    here = [Style.parse(str(span.style)) for span in line.spans if span.start <= at < span.end]
    found = Style.combine(here) if here else Style()
    colour = f' fill="{_hex(found.color)}"' if found.color and not found.color.is_default else ""
    weight = ' font-weight="bold"' if found.bold else ""
    faint = ' opacity=".6"' if found.dim else ""
    return colour + weight + faint


def _hex(colour: Color) -> str:
    return colour.get_truecolor().hex


def main() -> None:
    TARGET.write_text(picture(paced(record())), encoding="utf-8")
    print(f"{TARGET}: {TARGET.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
