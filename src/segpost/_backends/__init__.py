"""The backends, their registry, and the settings of threads and SIMD levels."""
