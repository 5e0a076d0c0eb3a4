"""The contenders, one file a family; importing a file registers what is in it."""
