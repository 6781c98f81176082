"""Whole rollouts by the command line, on a real Docker daemon."""
