"""The documentation: links lead somewhere, references are the program's, and doctor's words are explained."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tools import references

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md")])
FENCED = re.compile(r"^(```+).*?^\1", re.M | re.S)


def prose(page: Path) -> str:
    """A page without its blocks and spans of code."""
    return re.sub(r"`[^`\n]*`", "", FENCED.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """What can be linked to: headings, as python-markdown names them, and named places."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    found = set(re.findall(r'<a id="([^"]+)">', text))
    for heading in re.findall(r"^#+ +(.+)$", text, re.M):
        words = re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower()
        found.add(re.sub(r"[-\s]+", "-", words))
    return found


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in links(page):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert target.is_relative_to(ROOT), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}; there are {sorted(anchors(target))}"


@pytest.mark.parametrize("name", references.PAGES)
def test_references_are_what_the_program_says(name):
    made = references.PAGES[name]()
    assert (DOCS / name).read_text(encoding="utf-8") == made, "type: python -m tools.references"


def test_every_key_of_the_configuration_stands_on_its_page():
    schema = json.loads((ROOT / "schemas/config.json").read_text())
    sections = re.split(r"^## ", references.configuration(), flags=re.M)
    shown = [set(re.findall(r"^\| `([a-z_]+)` \|", text, re.M)) for text in sections]
    wanted = [set(table["properties"]) for table in [schema, *schema["$defs"].values()]]
    assert shown[0] == wanted[0] and sorted(map(sorted, shown)) == sorted(map(sorted, wanted))


def test_what_config_show_prints_is_what_its_schema_says(shop):
    from dispatch_hooks import schemas

    for text in ("", "max_parallel = 3\n[aliases.r]\nmodel = 'opus'\n[budget]\nusd = 2\n"):
        (shop.root / "config").mkdir(exist_ok=True)
        (shop.root / "config/config.toml").write_text(text)
        done = subprocess.run([sys.executable, "-m", "dispatch_hooks", "config", "show", "--json"], env=shop.env,
                              cwd=shop.project, capture_output=True, text=True, check=True)  # fmt: skip
        assert schemas.wrong("config-show", json.loads(done.stdout)) == ""


def test_each_option_json_names_the_page_that_has_its_fields():
    described = set(re.findall(r"^## (.+?)(?: [A-Z]+)? --json$", references.reports(), re.M)) | {"show"}
    sections = re.split(r"^## ", references.commands(), flags=re.M)[1:]
    having = {text.partition("\n")[0] for text in sections if "--json " in text.partition("Options:")[2]}
    assert having == described
    assert all("docs/json.md" in text for text in sections if text.partition("\n")[0] in having)


def test_every_command_shows_an_example():
    sections = re.split(r"^## ", references.commands(), flags=re.M)[1:]
    without = {text.partition("\n")[0] for text in sections if "Example" not in text}
    assert len(sections) > 35 and not without


@pytest.mark.parametrize("words", [[], ["config"]])
def test_the_help_lists_every_command_with_a_whole_sentence_at_80_columns(words):
    from typer.testing import CliRunner

    from dispatch_hooks import cli

    said = CliRunner().invoke(cli.app, [*words, "--help"], terminal_width=80, color=False).output
    group = references.get_command(cli.app)
    for word in words:
        group = group.commands[word]
    for name, command in group.commands.items():
        summary = command.get_short_help_str(1000)
        assert re.search(rf"^  {name} +{re.escape(summary)}$", said, re.M) and len(summary) <= 60, name


def test_the_recording_is_of_the_whole_loop_and_of_nobodys_machine():
    text = (DOCS / "loop.svg").read_text(encoding="utf-8")
    shown = re.sub(r"\s+", " ", " ".join(ElementTree.fromstring(text).itertext()))
    for words in ("Dispatched 2 tasks", "Which OpenAPI version, 3.0 or 3.1?", "answered write-api-docs: 3.1"):
        assert words in shown
    assert "/tmp" not in text and "script" not in text.partition("</style>")[2] and "http" not in text.split(">", 1)[1]


def test_every_page_is_in_the_navigation_and_linked_from_both_front_pages():
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    there = {page.name for page in DOCS.glob("*.md")}
    assert set(re.findall(r"^ +- (\S+\.md)$", nav, re.M)) == there
    assert {Path(link).name for link in links(ROOT / "README.md")} >= there - {"index.md"}
    assert set(links(DOCS / "index.md")) >= there - {"index.md"}


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_a_page_that_names_another_links_to_it(page):
    assert not re.findall(r"docs/[a-z-]+\.md", prose(page))


def test_each_check_of_doctor_is_explained():
    """Its words, as they stand in the code, are anchors of the page that doctor names."""
    from dispatch_hooks.doctor import events
    from dispatch_hooks.doctor.ground import Finding

    source = "\n".join(path.read_text() for path in (ROOT / "dispatch_hooks/doctor").glob("*.py"))
    words = re.findall(r'Finding(?:\(|, )f?"([^"]+)"', source)
    assert len(words) > 20
    names = {word for word in words if "{" not in word} | {"hooks (user)"}
    names |= {f"{event} hook" for event in events.SAMPLES}
    missing = {name for name in names if Finding(name, "ok", "").about() not in anchors(DOCS / "troubleshooting.md")}
    assert not missing


def test_the_examples_of_the_configuration_are_valid():
    import tomllib

    from dispatch_hooks.models import Config

    for page in PAGES:
        for text in re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.M | re.S):
            Config(**tomllib.loads(text))


def test_commands_that_pages_name_exist():
    from typer.main import get_command

    from dispatch_hooks import cli

    known = set(get_command(cli.app).commands)
    for page in PAGES:
        for block in re.findall(r"`([^`\n]*)`", page.read_text()):
            for named in re.findall(r"(?:^|[;&|] ?)dispatch-hooks ([a-z]+)\b", block):
                assert named in known, f"{page.name}: {block}"


def test_the_site_builds_strictly(tmp_path):
    pytest.importorskip("material", reason="type: make docs (pip install '.[docs]')")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "site/quickstart.html").read_text()
    assert not re.findall(r'(?:src|href)="(?:https?:)?//(?!squidfunk)', page.partition("<main")[0])
