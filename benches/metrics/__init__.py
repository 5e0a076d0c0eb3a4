"""Benches of metrics."""
