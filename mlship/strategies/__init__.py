"""What a plan means: one pure compile function per strategy, stage → steps, the way back included."""
