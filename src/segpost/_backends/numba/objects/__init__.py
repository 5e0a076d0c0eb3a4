"""Objects on Numba: the runs of label maps."""
