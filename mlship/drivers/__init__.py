"""Hands on the world: one file per backend behind the five verbs of `base.Driver`."""
