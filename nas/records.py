"""The keys under which a search keeps its records in the study."""

from typing import Final

ROW: Final = "row"
"""Trial attribute: the trial's row of the trials frame."""
CURVE: Final = "curve"
"""Trial attribute: validation accuracy after each epoch."""
PROBES: Final = "probes"
"""Study attribute: networks measured, untrained, to learn the latency of the space."""
SPACE: Final = "space_fingerprint"
"""Study attribute: the space the study was made with."""
OBJECTIVES: Final = "objectives"
"""Study attribute: what the study optimises, as `nas.OBJECTIVES` names it."""
OBJECTIVE: Final = "objective"
"""Study attribute: name of the user's own objective, where the study has one."""
CONSTRAINT: Final = "latency"
"""Name of the budget's constraint: the fraction a candidate is over it, at most 0 where it meets."""
