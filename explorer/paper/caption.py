"""A caption from the store itself: what was trained, over how many seeds, by which versions, from which commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from explorer.axes import symbol
from explorer.figures.compose import letters
from explorer.paper.base import Published
from explorer.store import Store

MOST_LISTED = 6
TOOLS = ("moritz2018ray", "liaw2018tune", "ansel2024pytorch")
_UNICODE = {"$": "", "\\alpha": "α", "\\beta": "β", "\\eta": "η", "\\lambda": "λ", "\\pi": "π", "\\tau": "τ", "\\sigma": "σ",
            "\\rho": "ρ", "\\to": "→", "\\infty": "∞", "\\": ""}  # fmt: skip


def caption(entry: Published, store: Store) -> str:
    """Title, what each part shows, and how it was made, in plain text."""
    parts = entry.drawings
    says = [
        f"({letter}) {part.says}" if letter else part.says
        for letter, part in zip(letters(len(parts)), parts, strict=True)
    ]
    where = parts[0].options.get("where") if len(parts) == 1 else None
    return f"{entry.title}. {' '.join(says)} {entry.after} {how_it_was_made(store, where)}"


def how_it_was_made(store: Store, where: str | None = None) -> str:
    """Cells, axes, seeds, outcomes, versions, commit, days and machines, as the rows of the store say."""
    wanted = [*store.settings, "status", "explorer_version", "torch_version", "ray_version", "git_revision", "host", "device",
              "finished_at"]  # fmt: skip
    rows = store.arrow([name for name in wanted if name in store.schema.names], where).to_pandas()
    if rows.empty:
        return "No cells."
    axes = [n for n in store.settings if n not in ("seed", "code_dimension", "fingerprint") and rows[n].nunique() > 1]
    parts = [f"{len(rows):,} cells: {'; '.join(_axis(n, rows[n].dropna().unique().tolist()) for n in axes)}" if axes
             else f"{len(rows):,} cells"]  # fmt: skip
    fixed = [f"{_plain(n)} = {_value(rows[n].iloc[0])}" for n in ("dimension", "steps", "batch", "learning_rate")
             if n in rows and rows[n].nunique() == 1]  # fmt: skip
    if fixed:
        parts.append(", ".join(fixed))
    seeds = rows["seed"].nunique() if "seed" in rows else 1
    parts.append(f"{seeds} seeds; intervals are 95 % over seeds" if seeds > 1 else "one seed, so no intervals")
    lost = [f"{n:,} {name}" for name in ("diverged", "failed") if (n := int((rows["status"] == name).sum()))]
    if lost:
        parts.append(f"{' and '.join(lost)} cells are left out")
    return ". ".join(_sentence(part) for part in [*parts, _by(rows)]) + "."


def _sentence(text: str) -> str:
    """With a capital, unless it begins with a symbol."""
    return text if text[1:2] in (" ", "") else text[0].upper() + text[1:]


def _axis(name: str, values: Sequence[Any]) -> str:
    if all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in values):
        ordered = sorted(float(v) for v in values)
        if len(ordered) > MOST_LISTED:
            return f"{_plain(name)} from {ordered[0]:g} to {ordered[-1]:g} ({len(ordered)} values)"
        return f"{_plain(name)} = {', '.join(map(_value, ordered))}"
    return f"{name.replace('_', ' ')}: {', '.join(sorted(map(_value, values)))}"


def _value(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, int | float | np.number):
        return "∞" if np.isinf(value) else f"{value:g}"
    return str(value).replace("_", " ")


def _plain(name: str) -> str:
    text = symbol(name)
    for latex, plain in _UNICODE.items():
        text = text.replace(latex, plain)
    return text.replace("_", " ")


def _by(rows: Any) -> str:
    """By what and when: several versions or commits are all named."""

    def named(column: str) -> list[str]:
        return sorted(map(str, rows[column].dropna().unique())) if column in rows else []

    parts = [f"explorer {', '.join(named('explorer_version'))}"]
    revisions = named("git_revision")
    if revisions:
        parts.append(
            f"commit{'s' if len(revisions) > 1 else ''} {', '.join(r[:12] + '+' * r.endswith('+') for r in revisions[:MOST_LISTED])}"
        )
    parts += [f"{tool} {', '.join(versions)}" for tool, column in (("torch", "torch_version"), ("Ray", "ray_version"))
              if (versions := named(column))]  # fmt: skip
    days = sorted({f"{day:%Y-%m-%d}" for day in rows["finished_at"].dropna()}) if "finished_at" in rows else []
    if days:
        parts.append(days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}")
    hosts, devices = len(named("host")), named("device")
    parts.append(f"{hosts} machine{'s' if hosts != 1 else ''} ({', '.join(devices)})")
    return f"trained by {', '.join(parts)}"
