"""Models whose graphs end in labels: what stands behind the logits is found and replaced."""
