"""Runs the steps: intent, act, outcome, look, judge, decide."""
