"""The plots of a report, each a function from a frame to a figure."""

from reports.plots.architecture import architecture_plot
from reports.plots.canvas import HALF, NARROW, WIDE, Canvas
from reports.plots.front import front_legend, front_plot
from reports.plots.importance import importance_plot
from reports.plots.legend import with_legend
from reports.plots.options import options_plot
from reports.plots.parts import read_parts
from reports.plots.progress import PROGRESS, progress_legend, progress_plot, progress_plots
from reports.plots.training import training_legend, training_plot

__all__ = [
    "HALF",
    "NARROW",
    "PROGRESS",
    "WIDE",
    "Canvas",
    "architecture_plot",
    "front_legend",
    "front_plot",
    "importance_plot",
    "options_plot",
    "progress_legend",
    "progress_plot",
    "progress_plots",
    "read_parts",
    "training_legend",
    "training_plot",
    "with_legend",
]
