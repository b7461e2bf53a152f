"""A report needs neither torch nor Optuna."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["reports", "reports.commands"])
def test_importing_reports_loads_neither_torch_nor_optuna(module: str) -> None:
    heavy = {"torch", "torchvision", "optuna", "torch_pruning", "search_spaces"}
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
