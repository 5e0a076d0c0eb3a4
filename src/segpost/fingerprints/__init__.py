"""What a fingerprint keeps, and what it shows of a change: `fingerprint` says it in words."""
