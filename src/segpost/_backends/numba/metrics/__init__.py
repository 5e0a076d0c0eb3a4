"""_backends/numba/metrics."""
