"""Accuracy on real images after some minutes of training: ``python -m benchmarks.accuracy --help``."""
