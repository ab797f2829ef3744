"""TeX between dollars becomes MathML while the site is built: browsers draw it, and no script is loaded."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

# What pymdownx.arithmatex leaves: \(…\) in a span, \[…\] in a div.
_LEFT = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.S)


def on_page_content(content: str, page: Any, **_: Any) -> str:
    """The page with its formulas as MathML."""

    def mathml(match: re.Match[str]) -> str:
        block, tex = match[2] == "[", html.unescape(match[3]).strip()
        try:
            return convert(tex, display="block" if block else "inline")
        except Exception as error:
            raise PluginError(f"{page.file.src_uri}: the formula {tex!r} cannot be read: {error!r}") from error

    return _LEFT.sub(mathml, content)
