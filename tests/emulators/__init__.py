"""Servers that stand in for services that a test cannot have; each is strict, and says where it is only our reading."""
