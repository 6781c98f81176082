"""What others do to an nginx meanwhile, and what nginx says nothing of."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from mlship.drivers.balancer.nginx.include import text_of
from mlship.errors import MlshipError, OutOfReach, RoutingRefused
from mlship.metrics.counters import difference
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.nginx_site import LIVE, NginxSite
from tests.support.rights import nobody, open_to
from tests.support.site import split, until

pytestmark = pytest.mark.nginx


def test_only_what_runs_counts(site: NginxSite) -> None:
    """A file that was replaced and never loaded moves nobody: what is observed is what nginx does."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    file = site.balancer.include
    file.write_text(file.read_text().replace("10.00%", "90.00%"))
    seen = driver.observe().routing
    site.balancer.include.unlink()

    assert seen is not None
    assert seen.weights == {"v2": 9000, "v1": 1000}  # whoever edits means it: the next reload does it
    assert driver.observe().routing == drawn(1000)


def test_an_edit_that_keeps_the_generation_is_seen(site: NginxSite) -> None:
    """By hand everything goes to the candidate, nginx tells the generation before, the file's hash gives it away."""
    driver = site.up("v1", "v2")
    driver.route(split(1000))
    file = site.balancer.include
    file.write_text(file.read_text().replace("10.00% v2; * v1;", "* v2;"))
    site.balancer.reload()
    until(lambda: site.arms(10) == {f"user-{number}": "v2" for number in range(10)})

    with pytest.raises(RoutingRefused, match=r"it has v2 100%, mlship has set v2 10%, v1 90%"):
        driver.route(split(2000))
    driver.insist(all_to("v1"))
    assert set(site.arms(20).values()) == {"v1"}
    assert driver.observe().routing == all_to("v1")


@pytest.mark.parametrize("text", ["", "nonsense", 'map "" $x { default "1"; }\n', "split_clients a $b { 1..0% v2; }"])
def test_what_nobody_can_have_meant_is_told(site: NginxSite, text: str) -> None:
    """A hand that slipped in the file: what runs goes on, a step forward that cannot explain it stops."""
    driver = site.up("v1", "v2")
    site.balancer.include.write_text(site.balancer.include.read_text().replace("map", f"{text} # map", 1))

    with pytest.raises(RoutingRefused, match="somebody else has changed"):
        driver.route(split(1000))
    assert site.ask().model == "v1"


def test_the_first_routing_must_be_what_is_there(site: NginxSite) -> None:
    """A plan that takes the wrong model for live does not move the traffic of a running service."""
    driver = site.open()
    driver.ensure("v2", 1)

    with pytest.raises(RoutingRefused, match=r"sends v1 100%, and the first routing would be v2 100%"):
        driver.route(all_to("v2"))
    assert site.balancer.entry == LIVE


def test_a_configuration_that_is_broken_elsewhere(site: NginxSite) -> None:
    """Its own test finds it before anything is reloaded; the file is as it was."""
    driver = site.up("v1", "v2")
    before = site.balancer.include.read_text()
    site.balancer.edit("worker_processes 2;", "worker_processes 2;\nnonsense on;")

    with pytest.raises(RoutingRefused, match=r'does not pass its own test: .*unknown directive "nonsense"'):
        driver.route(drawn(1000))

    assert site.balancer.include.read_text() == before
    assert driver.observe().routing == all_to("v1")


def test_a_reload_that_fails_without_a_word(site: NginxSite) -> None:
    """`nginx -t` finds no fault in a port that is taken, the signal is taken, and nothing is loaded: that is seen."""
    driver = site.up("v1", "v2")
    before = site.balancer.include.read_text()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        site.balancer.edit(
            "server {\nlisten", f"server {{ listen 127.0.0.1:{taken.getsockname()[1]}; }}\nserver {{\nlisten"
        )

        with pytest.raises(RoutingRefused, match="has not loaded the split in 5 s") as told:
            driver.route(drawn(1000))

    assert "error log" in told.value.hint
    assert site.balancer.include.read_text() == before
    assert driver.observe().routing == all_to("v1")


def test_a_rollback_that_was_live_before_needs_no_test(site: NginxSite) -> None:
    """It does not stumble over a configuration that only the test refuses."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    site.settings = {"program": ["/nowhere/nginx"], "nodes": [{**site.balancer.told, "program": ["/nowhere/nginx"]}]}
    driver = site.open(2)

    with pytest.raises(OutOfReach, match="/nowhere/nginx -T -q cannot be run: No such file"):
        driver.insist(drawn(3000))
    driver.insist(all_to("v1"))

    assert site.balancer.entry == LIVE


def test_a_rollback_behind_a_configuration_that_is_broken_elsewhere(site: NginxSite) -> None:
    """nginx takes the signal and loads nothing: that is told, users are served, the next good reload does it."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    site.balancer.edit("worker_processes 2;", "worker_processes 2;\nnonsense on;")

    with pytest.raises(RoutingRefused, match="has not loaded the split in 5 s") as told:
        driver.insist(all_to("v1"))
    assert "error log" in told.value.hint
    assert (site.balancer.entry, set(site.shares(100))) == ("v2:5000,v1:5000", {"v1", "v2"})
    assert site.balancer.include.read_text() == text_of(LIVE, "scorer")
    found = [each.message for each in driver.troubles(fence=1, held=False)]
    assert any("nonsense" in message for message in found), found

    site.balancer.edit("nonsense on;", "")
    site.balancer.reload()
    until(lambda: site.balancer.entry == LIVE)
    assert driver.observe().routing == all_to("v1")
    driver.route(drawn(1000))


def test_an_upstream_that_is_not_there(site: NginxSite) -> None:
    """nginx takes the name, and would answer 502: it is refused before that."""
    from msgspec.structs import replace

    from mlship.plan.pool import Pool

    site.up("v1", "v2")
    for model in ("v2", "v1"):
        pool = Pool(backend=f"fraud-{model}", servers=site.models[model].pool.servers)
        site.models[model] = replace(site.models[model], pool=pool)
        with pytest.raises(RoutingRefused, match=f"has no upstream fraud-{model}") as told:
            site.open(2).route(drawn(1000))
        assert f"`{model}: {{ backend: NAME }}`" in told.value.hint
        assert site.balancer.entry == LIVE


def test_a_process_id_of_somebody_else(site: NginxSite) -> None:
    """A file that was left behind leads to no signal: not to another process, and not to one that is gone."""
    driver = site.up("v1", "v2")
    file = site.balancer.folder / "nginx.pid"
    mine = file.read_text()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid, why in ((os.getpid(), "is no nginx"), (gone.pid, "is no nginx"), ("", "tells no process id")):
        file.write_text(str(pid))
        with pytest.raises(OutOfReach, match=why) as told:
            driver.route(drawn(1000))
        assert "start nginx" in told.value.hint
        assert site.balancer.entry == LIVE

    file.write_text(mine)
    driver.route(drawn(1000))


def test_rights_that_are_missing(site: NginxSite) -> None:
    """The folder of the file, and the signal: each is told with what to do, and the file is as it was."""
    driver = site.up("v1", "v2")
    open_to(site.folder)
    site.balancer.include.parent.chmod(0o755)
    before = site.balancer.include.read_text()
    with nobody(), pytest.raises(OutOfReach, match="cannot be written: Permission denied"):
        driver.insist(all_to("v1"))
    site.balancer.include.parent.chmod(0o777)
    with nobody():
        with pytest.raises(MlshipError) as told:
            driver.insist(drawn(3000))
        with pytest.raises(OutOfReach, match="may not be signalled by this user") as signalled:
            driver.insist(all_to("v1"))

    assert "sudo" in told.value.hint
    assert "sudo" in signalled.value.hint
    assert site.balancer.include.read_text() == before
    assert site.balancer.entry == LIVE


def test_a_command_that_reloads(site: NginxSite) -> None:
    """Instead of the signal, where the plan says so; what it says when it fails is told."""
    site.settings = {"nodes": [{**site.balancer.told, "reload": [*site.balancer.words, "-s", "reload"]}]}
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    assert driver.observe().routing == drawn(1000)

    site.settings = {"nodes": [{**site.balancer.told, "reload": ["sh", "-c", "echo not today >&2; exit 3"]}]}
    with pytest.raises(RoutingRefused, match=r"the reload command .* failed: not today"):
        site.open(2).route(drawn(2000))
    assert driver.observe().routing == drawn(1000)


def test_a_reload_in_the_middle_of_a_step_keeps_all(site: NginxSite) -> None:
    """The split is in the file, the counters go on: it is the same nginx."""
    driver = site.up("v1", "v2")
    driver.route(split(2500))
    before = driver.measure()
    site.balancer.reload()
    site.arms(20)
    until(lambda: sum(tally.requests for tally in (difference(before, driver.measure()) or {}).values()) == 20)

    assert driver.observe().routing == split(2500)
    driver.route(split(5000))
    assert driver.observe().routing == split(5000)


def test_a_restart_in_the_middle_of_a_step_keeps_the_split(site: NginxSite) -> None:
    """While it is away that is told, and a step does not go on; afterwards it does."""
    driver = site.up("v1", "v2")
    driver.route(split(2500))
    before = driver.measure()
    site.balancer.kill()
    seen = driver.observe()
    assert (seen.routing, seen.router) == (split(2500), False)
    with pytest.raises(OutOfReach, match="does not answer: Connection refused"):
        driver.route(split(5000))

    site.balancer.start()
    assert driver.observe().routing == split(2500)
    assert difference(before, driver.measure()) is None
    driver.route(split(5000))


def test_a_run_that_died_in_the_middle_is_explained(site: NginxSite) -> None:
    """What it was about to set is no change by somebody else: the next one goes on from there."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    ledger = site.folder / "state" / "balancer" / "scorer" / "ledger.json"
    before = ledger.read_bytes()
    driver.route(drawn(2000))
    told = ledger.read_text().partition('"set":')[2].partition(',"intent"')[0]
    ledger.write_text(before.decode().replace('"intent":null', f'"intent":{told}'))

    next_one = site.open(2)

    assert next_one.observe().routing == drawn(2000)
    next_one.route(drawn(5000))


def test_a_status_that_is_none(site: NginxSite) -> None:
    """A page of somebody else is no generation, whatever its code."""
    until(lambda: site.ask().status == 200)
    site.settings = {"nodes": [{**site.balancer.told, "status": f"http://127.0.0.1:{site.balancer.port}/predict"}]}

    with pytest.raises(RoutingRefused, match="tells no generation: it answers 200") as told:
        site.open().route(all_to("v1"))

    assert "mlship init --driver nginx" in told.value.hint


def test_one_that_hangs(site: NginxSite) -> None:
    """It is out of reach after a bounded time."""
    driver = site.up("v1")
    process = site.balancer.process
    assert process
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(OutOfReach, match="does not answer"):
            driver.route(all_to("v1"))
    finally:
        os.killpg(process.pid, signal.SIGCONT)
