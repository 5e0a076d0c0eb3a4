"""Reports of scores as text, Markdown, CSV, JSON, DataFrames and figures."""
