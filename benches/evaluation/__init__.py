"""Measurements of `segpost.evaluation` at the size of data sets."""
