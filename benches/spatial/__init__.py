"""Benches of spatial."""
