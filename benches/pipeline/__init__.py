"""Benches of pipeline."""
