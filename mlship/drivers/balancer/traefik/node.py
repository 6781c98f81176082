"""One Traefik."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec

from mlship.clock import Clock
from mlship.drivers.balancer.health import answers
from mlship.drivers.balancer.line import COPY, HAND
from mlship.drivers.balancer.mapfile import replace_text, text_if_readable, text_in
from mlship.drivers.balancer.node import Server
from mlship.drivers.balancer.traefik.api import Api
from mlship.drivers.balancer.traefik.copies import SINCE
from mlship.drivers.balancer.traefik.dynamic import Marks, marks_in, marks_of, named, ours, text_of, value_in, value_of
from mlship.drivers.balancer.traefik.folder import changed_last
from mlship.drivers.balancer.traefik.metrics import coarse, tallies
from mlship.drivers.balancer.traefik.seal import is_edited
from mlship.drivers.balancer.traefik.settings import Entrance, NodeSettings
from mlship.drivers.balancer.untouched import must_be
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError, OutOfReach, RoutingRefused, UsageError
from mlship.metrics.counters import Tally
from mlship.plan.model import Model

LOADS_WITHIN = 10.0
"""Seconds from the change of the file until Traefik has it: its throttle is 2 s where nobody has set it."""
STUCK = 3.0
"""Seconds after which what is disabled as before counts as what was loaded now."""
POLL = 0.05
"""Seconds between two looks: Traefik has users to serve meanwhile."""
BUCKETS = "set `metrics.prometheus.buckets` to those that `mlship init --driver traefik` prints"


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a Traefik has of mlship's."""

    value: str | None
    marks: Marks
    why: str = ""
    """What of it is not enabled, and why: users get 404 then."""


class TraefikNode(msgspec.Struct, frozen=True, kw_only=True):
    """`Node` over the file that Traefik watches."""

    api: Api
    told: NodeSettings
    entrance: Entrance
    service: str
    services: Mapping[str, str]
    """Model → service of Traefik's, without its provider."""
    clock: Clock

    @property
    def name(self) -> str:
        """Where its API answers."""
        return self.api.name

    def read(self) -> str | None:
        """What Traefik has loaded, and sends requests by; a file that cannot be read stops whoever begins with this.

        Where somebody has edited the file, or has the same shares loaded with another rule or a cookie, that is told.
        """
        found = self._loaded()
        if found.why:
            raise self._disabled(found.why)
        text = text_in(self.told.file)
        if not text or found.value is None:
            return found.value
        same = value_in(text, self.service) == found.value
        edited = is_edited(text, self.service) or (same and marks_in(text, self.service) != found.marks)
        return f"{HAND}{found.value}" if edited else found.value

    def swap(self, value: str, before: str | None) -> None:
        """As `write`, and only over `before`: the file is looked at once more right before it is replaced.

        Raises:
            Changed: it was another value by then; nothing was changed.
        """
        must_be(before, self.read(), who=f"Traefik {self.name}")
        self.write(value)

    def write(self, value: str | None) -> None:
        """Replace the file and wait until Traefik has it, enabled; if that fails the file before comes back.

        Where that could not be read the new one stays: without a file users would get 404.
        """
        before, text = text_if_readable(self.told.file), self._text(value)
        self._replace(text)
        try:
            self._wait_for(Loaded(value=value_in(text, self.service), marks=marks_in(text, self.service)))
        except MlshipError:
            if before is not None:
                with suppress(MlshipError):
                    self._replace(before)
            raise

    def kept(self) -> str | None:
        """What the file says: Traefik starts with it."""
        text = text_in(self.told.file)
        value = value_in(text, self.service)
        return f"{HAND}{value}" if value is not None and is_edited(text, self.service) else value

    def keep(self, value: str | None) -> None:
        """Have the file say it, where Traefik itself could not be asked."""
        if text_if_readable(self.told.file) != self._text(value):
            self._replace(self._text(value))

    def pool(self, model: Model) -> Sequence[Server]:
        """The servers of the model's service, by Traefik's check where it has one, and by their health path."""
        name = self.services.get(model.name, model.name)
        found = next((each for each in self.api.services() if each["name"] == f"{name}@file"), None)
        if found is None or "loadBalancer" not in found:
            hint = f"add it to Traefik's files, or name the right one: `{model.name}: {{ backend: NAME }}`"
            raise UsageError(f"Traefik {self.name} has no service {name}", hint=hint)
        told = found.get("serverStatus", {})
        urls = [each["url"] for each in found["loadBalancer"].get("servers", [])]
        return [_server(url, told.get(url, "UP"), model) for url in urls]

    def counts(self) -> tuple[str, Mapping[str, Tally]]:
        """Answers by service."""
        text = self.api.text(self.told.metrics)
        if coarse(text):
            raise OutOfReach(f"the latencies of Traefik {self.name} have buckets of another kind", hint=BUCKETS)
        found = tallies(text)
        return self.api.started(), {model: found.get(name, Tally()) for model, name in self.services.items()}

    def troubles(self) -> Iterator[Trouble]:
        """Reach, rights, the file and what is loaded, services, throttle, buckets."""
        from mlship.drivers.balancer.traefik.doctor import examine

        return examine(self)

    def _text(self, value: str | None) -> str:
        if value is None:
            return ""
        models = tuple(self.services.values())
        return text_of(value.removeprefix(HAND), service=self.service, models=models, entrance=self.entrance)

    def _replace(self, text: str) -> None:
        """By a rename from outside the folder: Traefik would serve 404 by a file that is half written."""
        try:
            if text:
                replace_text(self.told.file, text, staging=self.told.staging)
            else:
                self.told.file.unlink(missing_ok=True)
        except OSError as error:
            hint = f"let mlship's user write {self.told.file.parent} and {self.told.staging}, on one disk (`staging`)"
            why = f"{self.told.file} cannot be written: {error.strerror or error}"
            raise OutOfReach(why, hint=hint) from error

    def _wait_for(self, wanted: Loaded) -> None:
        began = self.clock.now()
        # Asked at once: most likely what was loaded before, which may have been disabled, too.
        found = first = self._loaded()
        while found != wanted:
            since = self.clock.now() - began
            if found.why and found.value == wanted.value and (found != first or since > STUCK):
                raise self._disabled(found.why)
            if since > LOADS_WITHIN:
                hint = f"{self._suspects()}; is {self.told.file.parent} what its file provider watches?"
                hint += f" And {SINCE}" if f" {COPY}:" in (wanted.value or "") else ""
                told = found.why or ("with another rule or a cookie" if found.value == wanted.value else "")
                why = f"Traefik {self.name} has not loaded the split in {LOADS_WITHIN:g} s, it has {found.value} {told}"
                raise RoutingRefused(why.rstrip(), hint=hint)
            self.clock.sleep(POLL)
            found = self._loaded()

    def _suspects(self) -> str:
        last = changed_last(beside=self.told.file)
        who = f"; beside ours {last} was changed last" if last else ""
        return f"its log tells why, and it takes no file of a folder while one of them is wrong{who}"

    def _loaded(self) -> Loaded:
        search = named(self.service)
        services, routers = self.api.services(search), self.api.routers(search)
        mine = ours(services, routers, self.service)
        faults = (each for each in mine if each.get("status") != "enabled" or each.get("error"))
        why = next(
            (f"{each['name']}: {'; '.join(each.get('error') or [each.get('status', '')])}" for each in faults), ""
        )
        told = services, routers, self.service
        return Loaded(value=value_of(*told), marks=marks_of(*told), why=why)

    def _disabled(self, why: str) -> RoutingRefused:
        hint = "correct what it names; `mlship rollback` writes the file anew"
        return RoutingRefused(f"Traefik {self.name} has disabled {why}", hint=hint)


def _server(url: str, status: str, model: Model) -> Server:
    told = urlsplit(url)
    address = told.netloc if told.port else f"{told.netloc}:80"
    # Before its own first check Traefik says UP, and of what it does not check it never says anything else.
    fine = told.scheme != "http" or answers(address, model.health.path, timeout=model.health.timeout)
    why = status if status != "UP" else "" if fine else f"GET {model.health.path} does not answer 2xx"
    return Server(name=url, up=fine and status == "UP", told=why)
