"""Every error a user can cause or meet, under one parent."""


class ExplorerError(Exception):
    """Something a user can mend; the message says what, where, and how."""


class StudyError(ExplorerError):
    """A study file (or the settings of a cell) is not what it should be."""


class StoreError(ExplorerError):
    """A store is missing, unreadable, or does not hold what was asked of it."""


class AnalysisError(ExplorerError):
    """A table, an axis or an option does not fit the analysis or the figure asked for."""


class EngineError(ExplorerError):
    """The cluster could not be reached, or training cannot run here."""
