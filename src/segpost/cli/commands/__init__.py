"""The commands of `segpost`: each declares its arguments with `add_to` and has a `run`."""
