"""Models as detached processes of this machine, Envoy as the router in front of them.

    <state>/process/<service>/
        fence, lock      who may change the service
        replicas/        one record per replica: process, port, whether it has passed its health check
        logs/            what each replica says; one log back is kept
        router/          Envoy's configuration, its log, and where to find it

Everything outlives the command. Any shell with the same state folder finds it again by asking the system, not by
remembering.
"""

from mlship.drivers.process.driver import ProcessDriver

__all__ = ["ProcessDriver"]
