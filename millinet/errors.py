"""Every error a user can meet, in one tree.

    MillinetError                 exit code 1
    |-- ConfigError               2   a name, number, unit or combination that cannot work
    |   |-- UnknownNameError      2   a table has no entry of that name
    |   |-- BudgetSyntaxError     2   a latency budget that cannot be read
    |   `-- ConfigChangedError    2   a run folder was made with another configuration
    |-- DataError                 2   a data set that cannot be read or split
    |-- RunFolderError            2   a run folder that is missing, foreign or damaged
    |-- ModelError                2   a model that cannot be built, loaded or traced
    |-- InfeasibleBudgetError     3   nothing met the budget; the message names the nearest miss
    |-- MeasurementError          1   a latency that could not be measured
    |-- StorageError              1   a study's storage that is gone, full or refuses
    |-- IsolationError            1   a process for candidates that the system does not let start
    |-- DivergedError             1   training left the finite numbers
    |-- MemoryShortError          1   training does not fit into memory, even in the smallest batches
    `-- ExactnessError            1   two forms of one network disagree

The message of each gives the rule, the value received, and the way out. The program prints it as one line and
exits with the code.
"""

from typing import ClassVar


class MillinetError(Exception):
    """Something went wrong in a way the message explains."""

    exit_code: ClassVar[int] = 1


class ConfigError(MillinetError, ValueError):
    """A setting is outside the range it can work in."""

    exit_code = 2


class UnknownNameError(ConfigError, LookupError):
    """A table has no entry of that name."""


class BudgetSyntaxError(ConfigError):
    """A latency budget cannot be read."""


class ConfigChangedError(ConfigError):
    """A run folder was made with another configuration."""


class DataError(MillinetError):
    """A data set cannot be read or split."""

    exit_code = 2


class RunFolderError(MillinetError):
    """A run folder is missing, foreign or damaged."""

    exit_code = 2


class ModelError(MillinetError):
    """A model cannot be built, loaded or traced."""

    exit_code = 2


class InfeasibleBudgetError(MillinetError):
    """Nothing met the budget."""

    exit_code = 3


class MeasurementError(MillinetError):
    """A latency could not be measured."""


class StorageError(MillinetError):
    """A study's storage does not answer, is full, or refuses."""


class IsolationError(MillinetError):
    """The system does not let a process for candidates start."""


class DivergedError(MillinetError):
    """Training left the finite numbers."""


class MemoryShortError(MillinetError):
    """Training does not fit into memory, even in the smallest batches."""


class ExactnessError(MillinetError):
    """Two forms of one network disagree by more than rounding."""
