"""color."""
