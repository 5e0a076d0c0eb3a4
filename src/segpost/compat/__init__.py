"""Interfaces of other libraries, to replace them by changing an import.

Import from the modules: `segpost.compat.pydensecrf`.
"""
