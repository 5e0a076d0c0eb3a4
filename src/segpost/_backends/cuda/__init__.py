"""_backends/cuda."""
