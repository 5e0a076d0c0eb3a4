"""_backends/numba/labels."""
