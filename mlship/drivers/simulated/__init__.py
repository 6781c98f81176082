"""A made-up world with chance in it: what a plan meets when it is simulated."""
