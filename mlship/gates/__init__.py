"""Numbers → verdict: one judging class per kind of gate, under one error budget per rollout. Pure."""
