"""The plots of a report, each a function from a frame to a figure."""

from reports.plots.architecture import architecture_plot, read_parts
from reports.plots.canvas import HALF, NARROW, WIDE, Canvas
from reports.plots.front import front_plot
from reports.plots.importance import importance_plot
from reports.plots.lines import Curve, curves_plot, dash_of
from reports.plots.options import options_plot

__all__ = [
    "HALF",
    "NARROW",
    "WIDE",
    "Canvas",
    "Curve",
    "architecture_plot",
    "curves_plot",
    "dash_of",
    "front_plot",
    "importance_plot",
    "options_plot",
    "read_parts",
]
