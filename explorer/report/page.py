"""One HTML file that holds all it needs: data, style, program and a plotting library."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
from importlib.resources import files
from typing import Any

from explorer.errors import AnalysisError

EXTRA = 'pip install "explorer[report]"'
SCRIPTS = ("slice.js", "pieces.js", "tables.js", "page.js")
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@functools.cache
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, from the wheel vl-convert-python; nothing is fetched.

    Raises AnalysisError where it is not installed.
    """
    try:
        import vl_convert
    except ModuleNotFoundError:
        raise AnalysisError(
            f"report: vl-convert-python, which holds Vega, is not installed; expected: {EXTRA}."
        ) from None
    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    if "</script" in script.lower() or "<!--" in script:
        raise AnalysisError(
            "report: the plotting library cannot stand in a page; expected another version of vl-convert-python."
        )
    return script


def part(name: str) -> str:
    """A file of this room that is part of the page."""
    return files("explorer.report").joinpath(name).read_text(encoding="utf-8")


def json_text(data: Any) -> str:
    """JSON that no HTML parser takes for anything else; NaN and infinities are refused."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escape in _UNSAFE.items():
        text = text.replace(character, escape)
    return text


def policy(live: bool) -> str:
    """The Content-Security-Policy of a page: its own scripts and style by their hashes, pictures that it holds, no network.

    A live page may ask the server that it comes from.
    """
    scripts = " ".join(_hash(text) for text in (library(), *map(part, SCRIPTS)))
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_hash(part('page.css'))}; img-src data:; "
        f"connect-src {chr(39)}{'self' if live else 'none'}{chr(39)}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def page(data: dict[str, Any], live: bool = False) -> bytes:
    """The page that shows `data`; a live one asks its server for what is new."""
    places = {
        "title": html.escape(data["title"]),
        "policy": html.escape(policy(live)),
        "style": part("page.css"),
        "data": json_text({**data, "live": live}),
        "diagram": json_text(json.loads(part("diagram.json"))),
        "curve": json_text(json.loads(part("curve.json"))),
        "library": library(),
        "program": "</script>\n<script>".join(map(part, SCRIPTS)),
    }
    pieces = part("page.html").split("{{")
    text = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        text += [places[name], rest]
    return "".join(text).encode("utf-8", "backslashreplace")
