"""The mathematics: numbers in, numbers out, nothing of ours imported."""
