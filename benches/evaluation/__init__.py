"""Evaluations of many images: engines that count shards, and how they scale."""
