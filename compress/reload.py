"""Load every form of an exported network in this fresh process and say how far each is from what is expected.

Reads one JSON request on standard input and answers with one line of JSON; see `compress.export`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from millinet.device import evaluating
from millinet.models import load_model
from millinet.tables import load_plugin


def differences(request: dict[str, Any]) -> dict[str, float]:
    """Return the difference of each form from the outputs expected, relative to the largest of them."""
    for plugin in request["plugins"]:
        load_plugin(Path(plugin))
    probe = load_file(request["probe"])
    images, expected = probe["images"], probe["expected"]
    outputs = {"safetensors": _run_weights(request["folder"], images)}
    for form, path in request["files"].items():
        outputs[form] = {"pt2": _run_graph, "onnx": _run_onnx}[form](path, images)
    scale = float(expected.abs().max()) or 1.0
    return {form: float((output - expected).abs().max()) / scale for form, output in outputs.items()}


def _run_weights(folder: str, images: Tensor) -> Tensor:
    model = load_model(folder).model
    with evaluating(model):
        output: Tensor = model(images)
    return output


def _run_graph(path: str, images: Tensor) -> Tensor:
    model = torch.export.load(path).module()
    with torch.no_grad():
        # One image alone as well: the batch size must be free.
        outputs = [model(images[:1]), model(images[1:])]
    return torch.cat(outputs)


def _run_onnx(path: str, images: Tensor) -> Tensor:
    import onnxruntime  # half a second, and only this form needs it

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    outputs = [session.run(None, {name: part.numpy()})[0] for part in (images[:1], images[1:])]
    return torch.cat([torch.from_numpy(output) for output in outputs])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(differences(json.load(sys.stdin))) + "\n")
