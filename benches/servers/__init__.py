"""The servers of examples/servers under load, and the same server with other post-processing."""
