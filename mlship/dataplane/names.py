"""How Envoy names the types of its configuration."""

from __future__ import annotations

TYPE = "type.googleapis.com/envoy"
