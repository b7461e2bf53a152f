"""Comparison of run folders: frames for a notebook, and one page for a person.

Needs neither torch nor Optuna: a report is made on any machine that has pandas.
"""

from reports.compare import compare
from reports.html import build_report

__all__ = ["build_report", "compare"]
