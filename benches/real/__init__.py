"""Logits of a small network that is fitted to photographs."""
