"""Latency that can be trusted: a measured interval and a verdict against a budget."""

from millinet.latency.budget import Budget
from millinet.latency.certify import certify
from millinet.latency.folding import fold_batch_norms, inference_form
from millinet.latency.layers import layer_profile
from millinet.latency.lock import device_lock
from millinet.latency.measurement import LatencyMeasurement, combine
from millinet.latency.meter import LatencyMeter, measure
from millinet.latency.profiling import profile
from millinet.latency.settings import LatencySettings
from millinet.latency.subject import deployed

__all__ = [
    "Budget",
    "LatencyMeasurement",
    "LatencyMeter",
    "LatencySettings",
    "certify",
    "combine",
    "deployed",
    "device_lock",
    "fold_batch_norms",
    "inference_form",
    "layer_profile",
    "measure",
    "profile",
]
