"""The command line: data to stdout, messages to stderr; exit 0 done, 2 bad input, 3 some cells failed, 130 interrupted."""

from explorer.cli import running, stores, boundary, compare, search, analysis, doctor  # isort: skip (the order in which help lists the commands)
from explorer.cli.speech import app

__all__ = ["analysis", "app", "boundary", "compare", "doctor", "main", "running", "search", "stores"]


def main() -> None:
    """The console script."""
    app()
