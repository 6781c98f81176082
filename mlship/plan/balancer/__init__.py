"""Plans for balancers that are somebody else's: what one of the right shape may still get wrong, a file per make."""
