"""What `compare_checkpoints` is made of: files read safely, names, shapes and values compared."""
