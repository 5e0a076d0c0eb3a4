"""Rules that say what changed between two fingerprints: input, stages, logits."""
