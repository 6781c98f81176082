"""What happened, durable: typed events, their fold, and the lease that says who may add to them."""
