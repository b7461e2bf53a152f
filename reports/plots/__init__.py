"""The plots of a report, each a function from a frame to a figure."""

from reports.plots.canvas import NARROW, WIDE, Canvas
from reports.plots.front import front_plot

__all__ = ["NARROW", "WIDE", "Canvas", "front_plot"]
