"""The command line: data to stdout, messages to stderr.

Exit codes: 0 done, 2 bad input, 3 some cells failed or files were damaged, 130 interrupted.
"""

from explorer.cli import running, stores, repair, boundary, compare, search, analysis, paper, report, doctor  # isort: skip (the order in which help lists the commands)
from explorer.cli.speech import app

__all__ = [
    "analysis",
    "app",
    "boundary",
    "compare",
    "doctor",
    "main",
    "paper",
    "repair",
    "report",
    "running",
    "search",
    "stores",
]


def main() -> None:
    """The console script."""
    app()
