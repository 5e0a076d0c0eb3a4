"""diagnosis/rules/common."""
