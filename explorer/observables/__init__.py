"""Observables: a minimizer to a number, one file each."""

from explorer.observables.base import Observable, observables, observe

__all__ = ["Observable", "observables", "observe"]
