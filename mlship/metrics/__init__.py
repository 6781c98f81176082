"""Numbers in: cumulative counters, and the looks that are differences of them."""
