"""Query heads: class planes, panoptic segments and instances of queries and their masks."""
