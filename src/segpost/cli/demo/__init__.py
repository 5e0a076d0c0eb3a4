"""Parts of `segpost demo`: its image and logits, its timings, its images and its report."""
