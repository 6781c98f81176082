"""Tests of the plan station."""
