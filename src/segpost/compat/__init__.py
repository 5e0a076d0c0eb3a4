"""Other libraries' interfaces over segpost: change the import, keep the script."""
