"""Benches of crf."""
