"""What becomes of packs whose process died: who may have done it is trained apart, until a cell that kills stands alone.

The driver decides, because it outlives the workers; it tells the next process of a pack through the trial's settings. A
node that was taken away says nothing about the cells, and a pack that was saved farther than at its last death has not died at
the same place again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ray import tune

from explorer.cells import Pack
from explorer.engine.job import hung_file
from explorer.errors import StoreError
from explorer.store.files import Files

Kind = Literal["node", "worker", "error"]

# A pack is cut after so many deaths at one place, a cell alone fails after so many.
DEATHS = 2
# An error that is nobody's fault, and a process that dies before it has begun, are tried again so many times.
RETRIES = 3
# After so many cells of a pack have each killed their process and none was trained, so do the others.
KILLERS = 4
REASON_LENGTH = 300
# Of the words of Ray's memory monitor.
LOW_MEMORY = "killed due to the node running low on memory"


@dataclass
class _Fate:
    """What is known of a pack; groups are ranges of its cells, trained one after another."""

    groups: list[tuple[int, int]]
    failed: dict[int, str] = field(default_factory=dict)
    cut: bool = False
    passed: int = 0
    safe: float = 0.0
    safe_at_death: float = -1.0
    trained: int = 0
    deaths: int = 0
    begun: bool = True
    unbegun: int = 0
    errors: int = 0


@dataclass(frozen=True)
class Orders:
    """What the driver tells a process that goes on with a pack: see `PackJob`."""

    groups: tuple[tuple[int, int], ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def kind_of(failure: str) -> Kind:
    """What ended a trial's process, by what Ray says of it."""
    if "node has died" in failure or "is unavailable" in failure:
        return "node"
    if LOW_MEMORY in failure or ("actor died" in failure and "creation task" not in failure):
        return "worker"
    return "error"


def reason_of(failure: str) -> str:
    """Ray's words for a death, in one line."""
    for start in ("Worker exit detail:", LOW_MEMORY):
        if start in failure:
            text = failure[failure.index(start) :].removeprefix("Worker exit detail:").partition("Object store")[0]
            return " ".join(text.split())[:REASON_LENGTH]
    lines = [line.strip() for line in failure.splitlines() if line.strip()]
    return lines[-1][:REASON_LENGTH] if lines else "unknown"


@contextlib.contextmanager
def memory_kills_as_deaths() -> Iterator[None]:
    """Ray's memory monitor ends a worker with an error which Tune (2.60) takes for none of an actor, and ends the whole run."""
    from ray.air.execution._internal.actor_manager import RayActorManager
    from ray.exceptions import OutOfMemoryError, RayActorError

    manager: Any = RayActorManager
    handle = manager._actor_task_failed

    def handled(*arguments: Any, exception: Exception, **named: Any) -> None:
        if isinstance(exception, OutOfMemoryError):
            exception = RayActorError(error_msg=str(exception))
        handle(*arguments, exception=exception, **named)

    manager._actor_task_failed = handled
    try:
        yield
    finally:
        manager._actor_task_failed = handle


class Recovery(tune.Callback):
    """Decides how a pack goes on after its process died. Tune pickles its callbacks; what is decided stays with the driver."""

    def __init__(self, packs: Mapping[int, Pack], files: Files | None) -> None:
        self.packs, self.files = packs, files
        # Why each pack's process ended last, for the log.
        self.said: dict[int, str] = {}
        self._fates: dict[int, _Fate] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"packs": {}, "files": None, "said": {}, "_fates": {}}

    def _fate(self, pack: int) -> _Fate:
        if pack not in self._fates:
            self._fates[pack] = _Fate([(0, len(self.packs[pack].cells))])
        return self._fates[pack]

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any) -> None:
        fate = self._fate(trial.config["pack"])
        fate.begun, fate.unbegun = True, 0
        fate.passed = result["passed"]
        fate.safe, fate.trained = max(fate.safe, result["safe"]), max(fate.trained, result["trained"])

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self.said.pop(trial.config["pack"], None)
        self._fates.pop(trial.config["pack"], None)

    def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        pack = trial.config["pack"]
        fate = self._fate(pack)
        failure = Path(trial.error_file).read_text().rpartition("Failure # ")[2]
        kind = kind_of(failure)
        hung = self._hung(pack) if kind == "worker" else None
        self.said[pack] = hung or f"{_WHAT[kind]}: {reason_of(failure)}"
        if kind == "error":
            fate.errors += 1
        elif kind == "worker" and not fate.begun:
            fate.unbegun += 1
        elif kind == "worker":
            self._died(fate, hung, reason_of(failure))
        if max(fate.errors, fate.unbegun) >= RETRIES:
            trial.max_failures = 0
        fate.begun, fate.passed = False, 0
        trial.config["orders"] = Orders(tuple(fate.groups), dict(fate.failed)).plain()

    def _died(self, fate: _Fate, hung: str | None, reason: str) -> None:
        fate.groups = fate.groups[fate.passed :]
        fate.deaths = 1 if fate.safe > fate.safe_at_death else fate.deaths + 1
        fate.safe_at_death = fate.safe
        if not fate.groups:  # it died when all was done
            return
        first, end = fate.groups[0]
        alone = end - first == 1
        if not hung and fate.deaths < (DEATHS if alone or not fate.cut else 1):
            return
        fate.deaths = 0
        if not alone:
            middle = (first + end) // 2
            fate.groups[:1] = [(first, middle), (middle, end)]
            fate.cut = True
            return
        message = hung or f"its process died each time that it was trained alone: {reason}"
        fate.failed[first] = message
        del fate.groups[0]
        if len(fate.failed) >= KILLERS and fate.trained == 0:
            others = [i for begin, stop in fate.groups for i in range(begin, stop)]
            fate.failed |= dict.fromkeys(others, f"not trained, because no other cell of its pack could be: {message}")
            fate.groups = []

    def _hung(self, pack: int) -> str | None:
        """What the process wrote down when it ended itself because it hung."""
        if self.files is None:
            return None
        path = self.files.path(hung_file(self.packs[pack]))
        try:
            message = self.files.read(path).decode()
            self.files.remove(path)
        except (OSError, StoreError):
            return None
        return message


_WHAT: dict[Kind, str] = {
    "node": "its node is gone, it goes on elsewhere",
    "worker": "its process died",
    "error": "it raised",
}
