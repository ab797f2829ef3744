"""What the commands share: the application, its options, and how they speak."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from explorer.errors import ExplorerError
from explorer.plain_text import printable

BAD_INPUT, SOME_FAILED, INTERRUPTED = 2, 3, 130
LONGEST_REASON = 300

app = typer.Typer(
    name="explorer",
    help="Phase diagrams of trained autoencoders: run studies on Ray Tune, query outcomes in Parquet, fit and draw boundaries.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="Study file in YAML.")]
StoreDir = Annotated[str, typer.Argument(metavar="DIR", help="Store: a directory, or a URI such as s3://bucket/study.")]
OutDir = Annotated[str | None, typer.Option("--out", metavar="DIR", help="Store to write; default results/<name>.")]
By = Annotated[
    list[str] | None,
    typer.Option(
        "--by", metavar="COLUMN,…", help="One boundary per combination, e.g. rate,base; default: what varies."
    ),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin", metavar="FILE", help="Python file with sources, architectures, … of one's own; may be given again."
    ),
]
Format = Annotated[str, typer.Option("--format", help="table, csv or json.")]


def say(message: str) -> None:
    """A message to a person."""
    print(message, file=sys.stderr, flush=True)


def say_why(reason: str) -> None:
    """Why a worker died, where a run that lacks cells knows it."""
    if reason:
        say(f"why a worker died: {printable(reason, LONGEST_REASON)}")


def give(text: str) -> None:
    """Data, for a person or a pipe."""
    text = text if text.endswith("\n") or not text else f"{text}\n"
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))  # whatever the terminal can show
    sys.stdout.flush()


def listed(given: list[str] | None) -> list[str]:
    """The names of an option that takes several, also separated by commas."""
    return [name.strip() for part in given or () for name in part.split(",") if name.strip()]


def join(plugins: list[Path] | None) -> None:
    """Load the plug-ins of an option, in that order."""
    from explorer.plugins import load_plugin

    for path in plugins or ():
        load_plugin(path)


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """An ExplorerError ends a command with its one message and exit code 2."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except ExplorerError as error:
            say(f"error: {error}")
            raise typer.Exit(BAD_INPUT) from None
        except ModuleNotFoundError as error:
            if error.name in ("torch", "ray", "jaxtyping"):
                say(
                    f'error: this command trains, and {error.name} is not installed; expected: pip install "explorer[train]".'
                )
                raise typer.Exit(BAD_INPUT) from None
            raise
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(0) from None

    return run


def one_blas_thread() -> None:
    """Unless the user has chosen, and before NumPy is imported: the fits multiply small matrices, which threads slow down."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def example(text: str) -> str:
    """The example of a command's help; the mark keeps its lines as they are, ready to be copied."""
    return f"\b\nExample:\n  {text}"


def _show_version(wanted: bool) -> None:
    if wanted:
        from explorer import __version__

        give(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass
