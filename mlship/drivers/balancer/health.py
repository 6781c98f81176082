"""Whether a server of somebody else's can serve: GET on the model's health path answers 2xx."""

from __future__ import annotations

from mlship.drivers.balancer.node import Server
from mlship.plan.model import Model


def asked(address: str, model: Model) -> Server:
    """A server that its balancer tells nothing of, by the model's health path."""
    up = answers(address, model.health.path, timeout=model.health.timeout)
    return Server(name=address, up=up, told="" if up else f"GET {model.health.path} does not answer 2xx")


def answers(address: str, path: str, *, timeout: float) -> bool:
    """One question to "10.0.0.5:8000"; `timeout` in seconds."""
    import http.client

    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status // 100 == 2
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
