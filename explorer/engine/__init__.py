"""The engine: what is missing from a store, trained as packs on Ray Tune. The only room that imports Ray."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer.engine.plan import Plan, plan_study
    from explorer.engine.replay import Replay, replay_cell
    from explorer.engine.run import RunSummary, run_study

# Found when asked for: the doctor works where torch and Ray are missing.
_HOMES = {
    "Plan": "plan",
    "Replay": "replay",
    "RunSummary": "run",
    "plan_study": "plan",
    "replay_cell": "replay",
    "run_study": "run",
}

__all__ = ["Plan", "Replay", "RunSummary", "plan_study", "replay_cell", "run_study"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'explorer.engine' has no attribute {name!r}")
    return getattr(import_module(f"explorer.engine.{_HOMES[name]}"), name)
