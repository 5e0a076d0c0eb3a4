"""What `segpost compare` reads and writes."""
