"""cli/evaluation."""
