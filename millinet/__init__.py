"""The floor under search, pruning and reports: it measures, trains, and keeps the run folder."""
