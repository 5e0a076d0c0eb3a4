"""The dense CRF of the Numba backend: mean field with grid, lattice and exact filters."""
