"""A service of its own for each test."""

from tests.support.fixtures import site

__all__ = ["site"]
