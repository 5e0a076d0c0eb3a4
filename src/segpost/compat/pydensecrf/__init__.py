"""The interface of pydensecrf: `densecrf`, `utils` and `eigen` under the names they have there."""
