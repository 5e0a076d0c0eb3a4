"""CUDA for tests, on the CPU."""
