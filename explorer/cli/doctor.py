"""The command that looks at a machine, a cluster and a store before a run."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from explorer.cli.speech import SOME_FAILED, Format, app, example, give, guarded, listed, say

PROBLEMS = SOME_FAILED


@app.command(epilog=example("explorer doctor --address auto --store s3://bucket/study"))
@guarded
def doctor(
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="ADDR", help="Ray cluster: auto or host:6379; default embedded."),
    ] = None,
    store: Annotated[
        str | None, typer.Option("--store", metavar="DIR", help="Store to write: a directory, or a URI.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="CHECK,…", help="Some checks only, e.g. token,network,store."),
    ] = None,
    form: Format = "table",
) -> None:
    """Check this machine, the cluster and the store before a run: what was found, and how to mend it. Exit code 3 with problems.

    Every check has a time limit. Writes one small file to the store, and deletes it.
    """
    from explorer.engine.doctor import Asked, Status, examine

    findings = examine(Asked(address, store), listed(only))
    rows = [{"check": f.check, "status": str(f.status), "found": f.found, "mend": f.mend or None} for f in findings]
    if form == "table":
        for finding in findings:
            give(f"{finding.status:<8}{finding.check:<9} {finding.found}")
            if finding.mend:
                give(f"{'':<8}{'':<9} mend: {finding.mend}")
    elif form == "json":
        give(json.dumps(rows, indent=2))
    else:
        import pandas as pd

        from explorer.table_text import table_text

        give(table_text(pd.DataFrame(rows, columns=["check", "status", "found", "mend"]), form))
    problems = sum(finding.status == Status.PROBLEM for finding in findings)
    warnings = sum(finding.status == Status.WARNING for finding in findings)
    say(f"{len(findings)} findings, {problems} problems, {warnings} warnings")
    if problems:
        raise typer.Exit(PROBLEMS)
