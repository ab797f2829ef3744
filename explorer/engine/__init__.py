"""The engine: what is missing from a store, trained as packs on Ray Tune. The only room that imports Ray."""

from explorer.engine.plan import Plan, plan_study
from explorer.engine.replay import Replay, replay_cell
from explorer.engine.run import RunSummary, run_study

__all__ = ["Plan", "Replay", "RunSummary", "plan_study", "replay_cell", "run_study"]
