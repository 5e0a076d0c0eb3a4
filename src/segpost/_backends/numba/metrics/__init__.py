"""The operations of the Numba backend that count: pixels, boundaries and segments."""
