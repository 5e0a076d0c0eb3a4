"""The wheels of segpost for several platforms, built on one machine: `python -m tools.wheels`."""
