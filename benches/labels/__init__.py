"""Benches of labels."""
