"""Whether this machine, a cluster and a store are fit for a run: one check a file, each in a process of its own."""

from explorer.engine.doctor.base import Asked, Finding, Status, checks
from explorer.engine.doctor.examine import examine

__all__ = ["Asked", "Finding", "Status", "checks", "examine"]
