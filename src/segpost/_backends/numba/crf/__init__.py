"""_backends/numba/crf."""
