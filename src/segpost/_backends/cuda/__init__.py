"""The CUDA backend: kernels, device tables, deferred errors and counts on devices."""
