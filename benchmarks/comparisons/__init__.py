"""Comparisons of networks that millinet made, from nothing: runs, frames, pictures, a page of findings.

    python -m benchmarks.comparisons.heads                     a dense and a sparse-coded head
    python -m benchmarks.comparisons.pruning --images CIFAR    a trained ResNet-18 and half its latency
    python -m benchmarks.comparisons.searched                  a search and hand-made networks as fast

The runs are left in `runs/comparisons/`, and a program that is started again continues them. What is worth
keeping goes to `docs/comparisons/`.
"""
