"""What `segpost diagnose` writes."""
