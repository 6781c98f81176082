"""Envoy as the router of the drivers that start one: configuration from a Routing, confirmation, counters."""
