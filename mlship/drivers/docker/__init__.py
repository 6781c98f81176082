"""Models as containers of a Docker daemon, here or elsewhere; Envoy in a container as the router in front of them.

    network   mlship.<service>               private to the service; every container has a fixed address in it
    router    mlship.<service>.router        publishes the one port; its configuration is in it, put there by the API
    replicas  mlship.<service>.<model>.<n>   publish nothing; `.starting` and `.draining` say what they are at
    fence     mlship.<service>.fence.<n>     a volume without content: who may change the service

Everything carries labels that say what it belongs to. Nothing of this machine's disk is mounted, and no port but the
users' is published, so a daemon far away is as good as this machine's own.
"""

from mlship.drivers.docker.driver import DockerDriver

__all__ = ["DockerDriver"]
