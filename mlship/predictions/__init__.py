"""Answers that models gave: read from the router's files, kept, joined with each other and with what turned out.

spool.py       which lines of the router's files are new        prediction.py  what one line says
store.py       what is kept, and for how long                   pairing.py     live and challenger, side by side
outcomes.py    what turned out, from files                      quality.py     sums → accuracy, F1, drift
cohort.py      users and their outcomes, cohort by cohort       rewards.py     the same as a source of numbers
"""
