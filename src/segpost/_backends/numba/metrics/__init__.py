"""The operations of the Numba backend that count: confusion, boundaries and instances."""
