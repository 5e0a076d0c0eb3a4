"""What `segpost evaluate` takes and writes: its arguments, files and HTML report."""
