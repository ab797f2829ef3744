"""Commands for a page to explore in: report, a file, and serve, the same page live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from explorer.cli.speech import StoreDir, app, example, give, guarded, listed, one_blas_thread, say

Where = Annotated[str | None, typer.Option("--where", help="SQL condition on cells, e.g. \"base = 'uniform'\".")]
Along = Annotated[
    str | None,
    typer.Option("--along", help="Axis of the boundaries; default sparsity, or the setting with the most values."),
]
Across = Annotated[str | None, typer.Option("--x", help="Axis across at first; the page has a switch.")]
Up = Annotated[str | None, typer.Option("--y", help="Axis up at first; the page has a switch.")]
Value = Annotated[str | None, typer.Option("--value", help="Column in colour at first; the page has a switch.")]


@app.command(epilog=example("explorer report results/demo --out demo.html"))
@guarded
def report(
    store: StoreDir,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write.")] = Path("report.html"),
    where: Where = None,
    along: Along = None,
    x: Across = None,
    y: Up = None,
    value: Value = None,
    budget: Annotated[
        float, typer.Option("--budget", metavar="MB", help="Megabytes for the encoders and curves of single cells.")
    ] = 20.0,
) -> None:
    """Write one HTML file to explore a store in, offline: diagram, boundaries, each cell's encoder and curve, provenance."""
    one_blas_thread()
    from explorer.report import View, write_report

    written = write_report(store, out, View(where, along, x, y, value), budget)
    if written.left_out:
        say(written.left_out)
    say(f"wrote {out}: {written.cells:,} cells, {written.size / 1e6:.1f} MB")


@app.command(epilog=example("explorer serve results/demo --port 8765"))
@guarded
def serve(
    store: StoreDir,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; others than loopback need --allow-host.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8765,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="NAME,…", help="Names beside localhost by which browsers may ask for the page."
        ),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = False,
    where: Where = None,
    along: Along = None,
    x: Across = None,
    y: Up = None,
    value: Value = None,
) -> None:
    """Serve the page of a store while it grows, to this machine alone; Ctrl-C ends it."""
    one_blas_thread()
    from explorer.report import View
    from explorer.report.live import Live
    from explorer.report.page import library
    from explorer.report.server import server

    library()
    serving = server(Live(store, View(where, along, x, y, value)), host, port, listed(allow_host))
    with serving:
        give(serving.url)
        say("new cells appear by themselves; Ctrl-C ends it")
        if browser:
            import webbrowser

            webbrowser.open(serving.url)
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            say("ended")
