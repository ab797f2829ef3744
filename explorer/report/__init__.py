"""A page to explore a store in: one HTML file, or the same page live while a study runs."""

from explorer.report.contents import View
from explorer.report.write import Written, write_report

__all__ = ["View", "Written", "write_report"]
