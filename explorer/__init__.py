"""Phase diagrams of trained autoencoders: studies on Ray Tune, outcomes in Parquet, boundaries with their uncertainty."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer.analysis import classify, fit_boundary, replicates
    from explorer.engine import plan_study, replay_cell, run_study
    from explorer.errors import ExplorerError
    from explorer.figures import figure
    from explorer.plugins import load_plugin
    from explorer.store import Store, open_store
    from explorer.study import Study, load_study

try:
    __version__ = version("explorer")
except PackageNotFoundError:
    __version__ = "unknown"

_HOMES = {
    "ExplorerError": "explorer.errors",
    "Store": "explorer.store",
    "Study": "explorer.study",
    "classify": "explorer.analysis",
    "figure": "explorer.figures",
    "fit_boundary": "explorer.analysis",
    "load_plugin": "explorer.plugins",
    "load_study": "explorer.study",
    "open_store": "explorer.store",
    "plan_study": "explorer.engine",
    "replay_cell": "explorer.engine",
    "replicates": "explorer.analysis",
    "run_study": "explorer.engine",
}

__all__ = [
    "ExplorerError",
    "Store",
    "Study",
    "classify",
    "figure",
    "fit_boundary",
    "load_plugin",
    "load_study",
    "open_store",
    "plan_study",
    "replay_cell",
    "replicates",
    "run_study",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'explorer' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
