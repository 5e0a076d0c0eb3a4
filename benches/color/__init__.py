"""Benches of color."""
