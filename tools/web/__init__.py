"""The package of JavaScript: its module, its palettes, its page."""
