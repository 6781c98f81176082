"""Whether a replica can serve: GET on its health path answers 2xx."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from mlship.dataplane.life import Life
from mlship.drivers.process.replica import Replica


def healthy(replica: Replica, *, timeout: float | None = None) -> bool:
    """It runs, and passes its health check now."""
    return replica.alive and _answers(replica, timeout or replica.health_timeout) and replica.alive


def all_healthy(replicas: Sequence[Replica]) -> Mapping[str, bool]:
    """Name of each replica → whether it passes; all are asked at the same time."""
    told: dict[str, bool] = {}

    def ask(replica: Replica) -> None:
        told[replica.name] = healthy(replica)

    askers = [threading.Thread(target=ask, args=(replica,)) for replica in replicas]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    return told


def _answers(replica: Replica, timeout: float) -> bool:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", replica.port, timeout=timeout)
    try:
        connection.request("GET", replica.health_path)
        return connection.getresponse().status // 100 == 2
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listens(life: Life, port: int) -> bool:
    """The process, or a child of it, listens on the port."""
    import psutil

    try:
        leader = psutil.Process(life.pid)
        family = [leader, *leader.children(recursive=True)]
        sockets = [socket for process in family for socket in process.net_connections("tcp")]
    except psutil.Error:
        return False
    return any(socket.status == psutil.CONN_LISTEN and socket.laddr.port == port for socket in sockets)
