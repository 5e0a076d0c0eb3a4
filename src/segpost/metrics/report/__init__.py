"""metrics/report."""
