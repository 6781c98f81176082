"""Plans for SageMaker: what one of the right shape may still get wrong, by AWS's own description of its fields."""
