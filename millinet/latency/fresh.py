"""The fresh process of a certificate: JSON request on standard input, JSON measurement on standard output."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import torch

from millinet.errors import MillinetError
from millinet.latency.budget import Budget
from millinet.latency.meter import LatencyMeter
from millinet.latency.settings import LatencySettings
from millinet.models import load_model
from millinet.tables import load_plugin


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Load the network a request names and measure it; an error is an answer too."""
    try:
        for path in request["plugins"]:
            load_plugin(Path(path))
        channels, height, width = request["input_shape"]
        budget = None if request["budget"] is None else Budget(**request["budget"])
        # No options for a folder: it knows its own.
        is_folder = Path(request["source"]).is_dir()
        options = {} if is_folder else {"in_channels": channels, "resolution": (height, width)}
        model = load_model(request["source"], **options).model
        example = torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(0))
        meter = LatencyMeter(request["device"], LatencySettings(**request["settings"]))
        if budget is not None:
            base = None if request["base"] is None else load_model(request["base"]).model
            budget = budget.resolve(example, meter=meter, model=base)
        return meter.measure(model, example, budget=budget).as_dict()
    except MillinetError as error:
        return {"error": str(error)}


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    # Whatever a plug-in or a model prints must not get into the answer.
    with contextlib.redirect_stdout(sys.stderr):
        found = answer(request)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
