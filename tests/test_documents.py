"""The documents name everything there is, and what they show works: command lines parse, studies are accepted."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import typer
import yaml

from explorer import plugins
from explorer.analysis import estimators
from explorer.architectures import architectures
from explorer.axes import GLOSSARY
from explorer.cli import app
from explorer.figures import figures
from explorer.proposers.base import proposers
from explorer.registry import Registry
from explorer.sections import SECTIONS
from explorer.settings import known_axes
from explorer.sources import sources
from explorer.study import load_study
from explorer.theory import CATALOGUE
from tests.test_contributing import EXAMPLES

PLACE = Path(__file__).parent.parent
PAGES = [*sorted(PLACE.glob("*.md")), *sorted((PLACE / "docs").rglob("*.md"))]
TEXT = {page.relative_to(PLACE).as_posix(): page.read_text() for page in PAGES}
WRITTEN = "\n".join(text for name, text in TEXT.items() if "decisions" not in name and name != "CHANGELOG.md")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]

BASE = """\
name: base
axes:
  source: sparse
  sparsity: {from: 0.3, to: 1.0, count: 8}
  rate: [0.5, 1.0]
  architecture: two_layer
  dimension: 16
  seed: {count: 2}
"""


def blocks(text, *languages):
    """The blocks of code of a page in these languages."""
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```$", text, re.S | re.M)


def notebook_code(path):
    return "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"])


def whole(lines):
    """Lines of a shell, those of one quoted argument together, and without what a person reads beside them."""
    text = ""
    for line in lines:
        text = f"{text} {line}" if text else line.removeprefix("$ ")
        try:
            words = shlex.split(text, comments=True)
        except ValueError:  # a quotation that goes on
            continue
        if words[:1] == ["explorer"] and len(words) > 1:
            yield words[1:]
        elif words:  # a command line within another, such as ray exec's
            yield from (
                inner.split()[1:]
                for w in words
                for inner in re.findall(r"explorer [a-z]+ .*", w)
                if "explorer" not in words[0]
            )
        text = ""


def complete():
    """Every command line that stands in a block: to be copied."""
    for name, text in TEXT.items():
        shell = "\n".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()
        shell += [line for block in blocks(text, "console") for line in block.splitlines() if line.startswith("$ ")]
        shell += re.findall(r"^    (explorer [a-z].*)$", text, re.M)
        for words in whole(shell):
            yield pytest.param(words, id=f"{name}: {' '.join(words)[:60]}")


def named():
    """Every `explorer …` within a sentence or a table: its command and its options."""
    for name, text in TEXT.items():
        without = re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)
        for line in dict.fromkeys(re.findall(r"`(explorer [a-z][^`]*)`", without)):
            yield pytest.param(
                line.split()[1], set(re.findall(r"--[a-z][a-z-]*", line)), id=f"{name}: {' '.join(line.split())[:60]}"
            )


@pytest.mark.parametrize("words", complete())
def test_command_line_of_a_document_parses(words):
    assert words[0] in COMMANDS
    command = COMMANDS[words[0]]
    command.parse_args(command.context_class(command, info_name=words[0]), words[1:])


@pytest.mark.parametrize(("name", "options"), named())
def test_command_that_a_document_names_has_the_options(name, options):
    assert name in COMMANDS
    assert options <= {"--help", *(option for p in COMMANDS[name].params for option in (*p.opts, *p.secondary_opts))}


def test_the_documents_show_command_lines_of_every_command():
    assert {param.values[0][0] for param in complete()} >= set(COMMANDS)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("study", [path.name for path in sorted((PLACE / "studies").glob("*.yaml"))]),
        ("figure", list(figures)),
        ("estimator", list(estimators)),
        ("command", list(COMMANDS)),
        ("source", list(sources)),
        ("architecture", list(architectures)),
        ("proposer", list(proposers)),
        ("prediction", list(CATALOGUE)),
        ("section", list(SECTIONS)),
        ("notebook", [path.name for path in sorted((PLACE / "notebooks").glob("*.ipynb"))]),
    ],
)
def test_the_documents_name_every(kind, names):
    code = " ".join(re.findall(r"`[^`]+`|^#+ .*$|^```.*?^```$", WRITTEN, re.S | re.M))
    lacking = [name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", code)]
    assert lacking == []


def test_every_figure_has_its_picture_and_command_in_the_gallery():
    gallery = TEXT["docs/gallery.md"]
    for name in figures:
        section = gallery.split(f"\n## {name}\n")[1].split("\n## ")[0]
        picture = re.search(r"\]\((images/\w+\.png)\)", section)
        assert picture is not None
        assert (PLACE / "docs" / picture[1]).exists()
        assert re.search(rf"explorer figure \S+ {name}\b", section)


def test_the_reference_has_a_meaning_for_every_setting():
    told = (PLACE / "docs/hooks/reference.py").read_text().split("MEANINGS = {")[1].split("\n}")[0]
    assert [name for name in known_axes() if name not in GLOSSARY and f'"{name}":' not in told] == []


def studies_shown():
    found = []
    for name, text in TEXT.items():
        for i, block in enumerate(blocks(text, "yaml")):
            written = yaml.safe_load(block)
            if isinstance(written, dict) and written.keys() <= {"name", "axes", "training", *SECTIONS}:
                found.append(pytest.param(name, block, id=f"{name}-{i}"))
    return found


@pytest.fixture
def examples_known(tmp_path):
    """The members of the pages' own examples, for the length of a test."""
    before = set(sys.modules)
    for kind in ("source", "architecture", "proposer"):
        (tmp_path / f"{kind}.py").write_text(EXAMPLES[kind])
        plugins.load_plugin(tmp_path / f"{kind}.py")
    yield
    plugins._LOADED.clear()
    for module in {*sys.modules} - before:
        if module.startswith("explorer_plugin_"):
            del sys.modules[module]
            for members in Registry.lists:
                members.forget(module)


@pytest.mark.parametrize(("page", "block"), studies_shown())
def test_study_of_a_document_is_accepted(page, block, tmp_path, examples_known):
    (tmp_path / "study.yaml").write_text(block if "axes:" in block else BASE + block)
    assert load_study(tmp_path / "study.yaml").cells


def test_documents_show_studies_of_every_kind():
    shown = [yaml.safe_load(param.values[1]).keys() for param in studies_shown()]
    assert len([keys for keys in shown if "axes" in keys]) >= 6
    assert any("refine" in keys for keys in shown)
    assert any("search" in keys for keys in shown)


def test_links_between_documents_lead_somewhere():
    broken = []
    for page, text in zip(PAGES, TEXT.values(), strict=True):
        without = re.sub(r"^```.*?^```$|`[^`\n]+`", "", text, flags=re.S | re.M)
        for target in re.findall(r"\]\(([^)\s#:]+)(?:#[^)\s]*)?\)", without):
            made = target.endswith(("commands.md", "study.md", "columns.md", "references.md", "decisions/index.md"))
            if not made and not (page.parent / target).exists():  # those pages are made while the site is built
                broken.append(f"{page.relative_to(PLACE)}: {target}")
    assert broken == []
