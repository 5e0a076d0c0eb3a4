"""What builds, checks and draws, and is no part of the package."""
