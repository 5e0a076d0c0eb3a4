"""fingerprints/rules."""
