"""Regions: runs, run-length codes, components and polygons."""
