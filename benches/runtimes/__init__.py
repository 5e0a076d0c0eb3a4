"""The post-processing of runtimes beside segpost: outside of their graphs, and inside."""
