"""How everything is measured, and what the jobs are."""
