"""Reference pages that are read off the program: commands, settings of a study, columns and symbols."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import typer
from mkdocs.structure.files import File, Files

from explorer.architectures import architectures
from explorer.axes import GLOSSARY, Axis, Choices, shown
from explorer.cli import app
from explorer.observables import observables
from explorer.proposers.base import proposers
from explorer.records import PROVENANCE
from explorer.sections import SECTIONS, Section
from explorer.settings import COMMON_AXES
from explorer.sources import sources

# Settings that are no axis of a figure yet, so that the glossary lacks them.
MEANINGS = {
    "architecture": "family of autoencoders, by name",
    "source": "law of the data, by name",
    "tolerance": "least fall of the mean training loss from the third to the last quarter that keeps a cell at its peak rate",
    "distortion": "loss of a reconstruction; with cross_entropy, of data in [0, 1], it is logits",
    "samples": "size of the training set, drawn again and again; inf: the population. `loss` is on fresh data in both cases",
    "weight_bits": "trained matrices are rounded to so many bits, with a straight-through gradient; a refitted decoder too",
    "denoiser": "scalar function of the decoder: the posterior mean (bayes), or learned (tanh, spline)",
    "surrogate": "how the gradient passes the sign; see the decision on surrogates",
    "final_temperature": "temperature of tanh(u/τ) at the end of training",
    "refit": "whether a linear decoder is fitted by least squares at the end",
    "encoder_law": "law of the fixed encoder",
    "decoder": "what decodes the fixed code",
    "layers": "layers of message passing",
}
TYPES: dict[Any, str] = {
    int: "whole number", float: "number", bool: "true or false", str: "name", type(None): "none", dict: "mapping", list: "list",
}  # fmt: skip
COMMANDS = """\
# Commands

Data goes to standard output, messages to standard error. Exit codes: 0 done, 2 bad input, 3 some cells failed or are missing, or
files were damaged, 130 interrupted. `explorer COMMAND --help` says the same as this page, which is made from it.
"""
STUDY = """\
# Study files

A study is a YAML file with a `name`, `axes`, and the sections below. Every setting of this page may be an axis: one value, a
list, or `{from: LOW, to: HIGH, count: N}` (with `log: true` in equal ratios); a `seed` may be `{count: N}`. Those that are
marked so may also stand under `training`. What is left out has its default. This page is made from the lists of the program.

## Settings of every study
"""
COLUMNS = """\
# Columns and symbols

A row of `cells` has `cell_key`, `status` (`converged`: the mean training loss of the last tenth of the steps is within 1 % of the
tenth before; `budget`: not so; `diverged`; `failed`, with `error`), every setting under its own name, `loss` (on fresh data) with its
Monte-Carlo standard error `loss_se`, `objective` (the mean training objective over the last tenth of the steps, penalties
included), the observables, and where it was trained.

## Observables
"""
MADE = {
    "reference/commands.md": lambda: commands(),
    "reference/study.md": lambda: study(),
    "reference/columns.md": lambda: columns(),
}


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the pages."""
    for uri, page in MADE.items():
        files.append(File.generated(config, uri, content=page()))
    return files


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table."""

    def line(cells: Sequence[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return [line(head), line(["---"] * len(head)), *map(line, rows), ""]


def plain(text: str | None) -> str:
    """Text outside code whose brackets and asterisks stand for themselves."""
    parts = re.split(r"(`[^`]*`)", text or "")
    marks = {"<": "&lt;", "*": "&#42;", "{": "&#123;"}
    return "".join(part if i % 2 else re.sub(r"[<*{]", lambda m: marks[m[0]], part) for i, part in enumerate(parts))


def commands() -> str:
    """Every command with its arguments and options."""
    group: Any = typer.main.get_command(app)
    lines = [COMMANDS]
    for name, command in sorted(group.commands.items()):
        given = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option"]
        usage = " ".join(["explorer", name, *(p.metavar or p.name.upper() for p in given), "[OPTIONS]" * bool(options)])
        example = (command.epilog or "").replace("\b", "").split("Example:")[-1].strip()
        lines += [f"## {name}", "", plain(command.help).replace("\n\n", "\n\n"), "", "```text", usage, "```", ""]
        lines += table(["argument or option", "", "default"], [_row(p) for p in (*given, *options)])
        lines += ["```sh", example, "```", ""] if example else []
    return "\n".join(lines)


def _row(parameter: Any) -> list[str]:
    if parameter.param_type_name == "argument":
        needed = "must be given" if parameter.required else ""
        return [f"`{parameter.metavar or parameter.name.upper()}`", plain(parameter.help), needed]
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    value = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
    default = (
        parameter.default
        if isinstance(parameter.default, str | int | float) and not isinstance(parameter.default, bool)
        else ""
    )
    needed = "must be given" if parameter.required else f"`{default}`" if default != "" else ""
    return [f"`{names}{value}`", plain(parameter.help), needed]


def study() -> str:
    """The settings of a study, by whom they belong to, and its sections."""
    lines = [STUDY, *axes_table(COMMON_AXES, training=True)]
    for kind, members in (("source", sources), ("architecture", architectures)):
        lines += [f"## {kind.capitalize()}s", ""]
        for name, member in members.items():
            lines += [f"### `{kind}: {name}`", "", plain(inspect.getdoc(member)), ""]
            inits = getattr(member, "inits", None)
            lines += [f"Starts (`init`): {', '.join(f'`{one}`' for one in inits)}.", ""] if inits else []
            kept = [axis for axis in member.axes if not axis.derived]
            lines += axes_table(kept) if kept else ["No settings of its own.", ""]
    lines += ["## Sections", ""]
    for name, section in SECTIONS.items():
        lines += [f"### `{name}`", "", plain(inspect.getdoc(section)), "", *section_table(section)]
        if name == "refine":
            rows = [
                [f"`{one}`", plain((inspect.getdoc(member) or "").split("\n\n")[0])]
                for one, member in proposers.items()
            ]
            lines += table(["proposer", ""], rows)
    return "\n".join(lines)


def axes_table(axes: Iterable[Axis], training: bool = False) -> list[str]:
    """Settings with their domains and defaults."""
    kinds = {
        "float": "number",
        "int": "whole number",
        "count": "whole number or inf",
        "str": "name",
        "bool": "true or false",
    }
    rows = []
    for axis in axes:
        if isinstance(axis.domain, Choices):
            domain = ", ".join(f"`{value}`" for value in axis.domain.values)
        else:
            domain = plain(kinds[axis.kind] + (f" in {axis.domain}" if axis.domain else ""))
        when = "; ".join(f"with {k}: {' or '.join(map(_value, v))}" for k, v in (axis.when or {}).items())
        default = f"`{_value(axis.default)}`" if axis.default is not None else "must be given"
        meaning = MEANINGS.get(axis.name) or plain(GLOSSARY[axis.name].meaning)
        more = [f"`{axis.name}`", meaning + (f" ({when})" if when else ""), domain, default]
        rows.append([*more, "training" if axis.training else "axes"] if training else more)
    return table(["setting", "meaning", "domain", "default", *(["may stand in"] if training else [])], rows)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def section_table(section: type[Section]) -> list[str]:
    """The keys of a section with their types and defaults."""
    rows = []
    for name, key in section.model_fields.items():
        default = (
            "must be given" if key.is_required() else f"`{_value(key.default) if key.default is not None else 'none'}`"
        )
        bounds = ", ".join(str(part) for part in key.metadata)
        rows.append([f"`{name}`", f"{_type(key.annotation)}{f' ({bounds})' if bounds else ''}", default])
    return table(["key", "type", "default"], rows)


def _type(annotation: Any) -> str:
    if annotation in TYPES:
        return TYPES[annotation]
    inner = get_args(annotation)
    if getattr(annotation, "__origin__", None) in (list, dict):
        return TYPES[annotation.__origin__]
    if hasattr(annotation, "__metadata__"):
        return _type(inner[0])
    return " or ".join(dict.fromkeys(f"`{one}`" if isinstance(one, str) else _type(one) for one in inner)) or "value"


def columns() -> str:
    """The columns of `cells`: observables with range and phases, provenance, and the glossary."""
    rows = []
    for name, one in observables.items():
        meaning = plain(GLOSSARY[name].meaning) if name in GLOSSARY else ""
        rotation = f"{one.rotation(48, 48):.3g} (n = d = 48)" if one.rotation else ""
        identity = "" if one.identity is None else f"{one.identity:g}"
        rows.append([f"`{name}`", meaning, ", ".join(f"`{n}`" for n in one.needs), one.range, rotation, identity])
    symbols = [[f"`{n}`", term.symbol, plain(term.meaning)] for n, term in GLOSSARY.items()]
    lines = [COLUMNS, *table(["column", "meaning", "computed from", "range", "rotation", "identity"], rows)]
    lines += ["## Provenance", "", "`plugins` names the files of `--plugin` with a digest of their content.", ""]
    lines += table(["column", "type"], [[f"`{field.name}`", field.type] for field in PROVENANCE])
    lines += ["## Symbols", "", *table(["name", "in the papers", "meaning"], symbols)]
    return "\n".join(lines)
