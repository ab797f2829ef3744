"""Files of the repository that are pages of the site too, and links that work in both places.

A link in any text is relative to that text's place in the repository; here it becomes one within the site. `[@key]` is a
citation of docs/references.bib.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
# Pages at the root of the repository, and where they are in the site; README's place is taken by the site's own first page.
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "README.md": "index.md",
}
# Files that pages link to, kept at the same path.
KEPT = ("benchmarks/results/*.md", "studies/*.yaml", "notebooks/*.ipynb", "cluster.yaml", "LICENSE")

_LINK = re.compile(r"(\]\()([^)\s#:]+)(#[^)\s]*)?(\))")
_CITATION = re.compile(r"\[@([\w]+)\]")
_CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.S | re.M)
_ENTRY = re.compile(r"@(\w+)\{(\w+),\n(.*?)\n\}", re.S)
_FIELD = re.compile(r"^\s*(\w+)\s*=\s*\{(.*)\},?$", re.M)
_TEX = {'{\\"o}': "ö", '{\\"u}': "ü", '{\\"a}': "ä", "{\\'e}": "é", "{\\'a}": "á", "{\\`e}": "è", "--": "–"}


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add what lies outside docs/, the bibliography and the list of decisions."""
    for path, page in PAGES.items():
        if page not in files.src_uris:
            files.append(File.generated(config, page, content=(ROOT / path).read_text()))
    for pattern in KEPT:
        for path in sorted(ROOT.glob(pattern)):
            uri = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    files.append(File.generated(config, "references.md", content=bibliography()))
    files.append(File.generated(config, "decisions/index.md", content=decisions()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links and citations of a page as the site has them."""
    here = page.file.src_uri
    place = next((path for path, uri in PAGES.items() if uri == here and uri != "index.md"), None)
    place = place or (here if (ROOT / here).exists() else f"docs/{here}")
    parts = _CODE.split(markdown)
    return "".join(code(part) if i % 2 else translated(part, place, here) for i, part in enumerate(parts))


def code(part: str) -> str:
    """Code as it is; in a cell of a table GitHub wants \\| also within code, where Python-Markdown shows the backslash."""
    return part if part.startswith("```") else part.replace("\\|", "|")


def translated(text: str, place: str, here: str) -> str:
    """Text that stands at `place` in the repository, for the page `here` of the site."""

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(place), match[2]))
        uri = PAGES.get(target, target.removeprefix("docs/"))
        if target == "benchmarks/results":
            uri = "speed.md"
        return match[1] + posixpath.relpath(uri, posixpath.dirname(here) or ".") + (match[3] or "") + match[4]

    def citation(match: re.Match[str]) -> str:
        entries = entries_of()
        if match[1] not in entries:
            raise PluginError(f"{here}: [@{match[1]}] is not in docs/references.bib")
        root = posixpath.relpath("references.md", posixpath.dirname(here) or ".")
        return f"[{short(entries[match[1]])}]({root}#{match[1].lower()})"

    return _CITATION.sub(citation, _LINK.sub(link, text))


def entries_of() -> dict[str, dict[str, str]]:
    """The entries of docs/references.bib by key, accents as letters."""
    text = (ROOT / "docs/references.bib").read_text()
    for tex, letter in _TEX.items():
        text = text.replace(tex, letter)
    return {
        key: {n: v.replace("{", "").replace("}", "") for n, v in _FIELD.findall(body)}
        for _, key, body in _ENTRY.findall(text)
    }


def short(entry: dict[str, str]) -> str:
    """Authors and year, as in a sentence."""
    names = [name.split(",")[0] for name in entry["author"].split(" and ")]
    who = names[0] if len(names) == 1 else " and ".join(names) if len(names) == 2 else f"{names[0]} et al."
    return f"{who} {entry['year']}"


def bibliography() -> str:
    """Every entry as a paragraph with an anchor."""
    lines = ["# References", "", "As BibTeX: [references.bib](references.bib).", ""]
    for key, entry in sorted(entries_of().items(), key=lambda one: (one[1]["author"].lower(), one[1]["year"])):
        authors = "; ".join(" ".join(reversed(n.split(", "))) for n in entry["author"].split(" and "))
        where = (
            entry.get("journal")
            or entry.get("booktitle")
            or entry.get("publisher")
            or entry.get("institution")
            or entry.get("howpublished", "")
        )
        number = ", ".join(entry[name] for name in ("volume", "pages") if name in entry)
        paper = f" arXiv [{entry['eprint']}](https://arxiv.org/abs/{entry['eprint']})." if "eprint" in entry else ""
        place = f" {where}{' ' + number if number else ''}." if where else ""
        said = f"{authors} ({entry['year']}). *{entry['title']}*.{place}{paper}"
        lines += [f'<a id="{key.lower()}"></a>', said, ""]
    return "\n".join(lines)


def decisions() -> str:
    """The titles of docs/decisions, in order."""
    lines = ["# Decisions", "", "One page each: the context, the decision, and the number that decided it.", ""]
    for path in sorted((ROOT / "docs/decisions").glob("*.md")):
        title = path.read_text().split("\n", 1)[0].removeprefix("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines)
