"""From nothing to a plan that is understood: `init`, `validate`, `plan`, `schema`, and help for each command."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from mlship.cli.app import PANELS
from mlship.cli.init import STAGES
from mlship.errors import Exit
from tests.e2e.site import Site
from tests.e2e.test_commands import GATES, QUICK

pytestmark = pytest.mark.envoy


@pytest.mark.parametrize("strategy", STAGES)
def test_a_new_plan(site: Site, strategy: str) -> None:
    """What `init` writes is valid and can be previewed; it is never overwritten unasked."""
    file = site.folder / "new.yaml"
    assert site.mlship("init", file, "--strategy", strategy, "--service", "scorer").returncode == Exit.DONE
    written = file.read_text()

    valid, shown = site.mlship("validate", file), site.mlship("plan", file)
    assert (valid.returncode, f"valid (scorer on process: {strategy}" in valid.stdout) == (Exit.DONE, True), valid
    assert (shown.returncode, "mlship rollback scorer" in shown.stdout) == (Exit.DONE, True), shown
    again = site.mlship("init", file)
    assert (again.returncode, "--force" in again.stderr, file.read_text()) == (Exit.USAGE, True, written)
    assert site.mlship("init", file, "--force").returncode == Exit.DONE
    assert (
        site.mlship("init", "-", "--strategy", strategy, "--service", "scorer").stdout.splitlines()[3:]
        == (written.splitlines()[3:])
    )
    assert not site.processes()


@pytest.mark.parametrize("name", ["Bad Name", "v1: x", "", "a\n", "a" * 64])
def test_a_name_that_no_service_can_have(site: Site, name: str) -> None:
    """It is refused as `validate` would refuse it, and nothing is written."""
    file = site.folder / "new.yaml"
    ran = site.mlship("init", file, "--service", name)
    plan = site.plan("  []\n")
    plan.write_text(plan.read_text().replace("service: scorer", f"service: {json.dumps(name)}"))
    checked = site.mlship("validate", plan)
    said = ran.stderr.removeprefix("error: ").strip()
    assert (ran.returncode, ran.stdout, file.exists()) == (Exit.USAGE, "", False)
    assert said.startswith("service: expected a name of")
    assert said in checked.stderr, checked.stderr
    assert site.mlship("init", "-", "--service", name).stdout == ""


@pytest.mark.parametrize("strategy", STAGES)
def test_a_new_plan_with_containers(site: Site, strategy: str) -> None:
    """As with processes; no daemon is needed to check it or to look at it."""
    site.environment["DOCKER_HOST"] = "tcp://127.0.0.1:1"
    file = site.folder / "new.yaml"
    words = ("--driver", "docker", "--strategy", strategy, "--service", "scorer")
    made = site.mlship("init", file, *words)
    valid, shown = site.mlship("validate", file), site.mlship("plan", file)

    assert (made.returncode, "your models' images" in made.stdout) == (Exit.DONE, True), made
    assert (valid.returncode, f"valid (scorer on docker: {strategy}" in valid.stdout) == (Exit.DONE, True), valid
    assert (shown.returncode, "GiB of memory in step " in shown.stdout) == (Exit.DONE, True), shown


def test_every_fault_at_once(site: Site) -> None:
    """File, line, column, place in the plan, what was expected, what was meant; exit 2, and nothing was touched."""
    plan = site.plan(QUICK.replace("canary", "canry"), more=GATES)
    plan.write_text(plan.read_text().replace("live: v1", "live: v0"))
    for command in ("validate", "plan", "deploy"):
        ran = site.mlship(command, plan)
        assert (ran.returncode, ran.stdout) == (Exit.USAGE, "")
        assert f"{plan}:7:7: live: there is no model" in ran.stderr
        assert "stages[0].strategy: expected one of" in ran.stderr
        assert "did you mean canary?" in ran.stderr
        assert ran.stderr.endswith("nothing was touched\n")
    assert site.mlship("plan", plan, "--detailed-exitcode").returncode == Exit.UNEXPECTED
    assert site.mlship("status").stdout == "no service yet\n"


@pytest.mark.parametrize("below", ["", "deeper"])
@pytest.mark.parametrize("words", ["status", "status --json", "history", "rollback scorer", "down scorer"])
def test_a_state_folder_that_is_a_file(site: Site, words: str, below: str) -> None:
    """A wrong path is no empty record: it is named, and nothing is touched."""
    site.state.write_text("kept")
    site.environment["MLSHIP_STATE"] = str(site.state / below)
    ran = site.mlship(*words.split())
    assert (ran.returncode, ran.stdout, site.state.read_text()) == (Exit.USAGE, "", "kept")
    assert ran.stderr.startswith(f"error: {site.state} is no folder\n  hint: set MLSHIP_STATE"), ran.stderr


@pytest.mark.parametrize("words", ["status", "history", "status other", "rollback other", "outcome other labels.csv"])
def test_where_nothing_is_found(site: Site, words: str) -> None:
    """Another user, or a variable that is unset, reads another record: the one that was read is named."""
    ran = site.mlship(*words.split())
    assert ran.stdout == ("no service yet\n" if words == "status" else "")
    assert f"hint: nothing has been deployed from {site.state}; set MLSHIP_STATE" in ran.stderr


def test_plan_tells_changes_by_its_exit_code(site: Site) -> None:
    """2 while there is something to do, 0 once it is done."""
    plan = site.plan(QUICK, more=GATES)
    assert site.mlship("plan", plan, "--detailed-exitcode").returncode == 2
    with site.users():
        assert site.deploy(plan).returncode == Exit.DONE
    assert site.mlship("plan", plan, "--detailed-exitcode").returncode == 0


@pytest.mark.parametrize("subject", ["plan", "event"])
def test_schema(site: Site, subject: str) -> None:
    """The schemas reach whoever has installed the package."""
    shown = site.mlship("schema", subject)
    assert json.loads(shown.stdout) == json.loads(files("mlship").joinpath(f"schemas/{subject}.v1.json").read_text())


def test_help(site: Site) -> None:
    """Each command says what it does and what its options are for; a near miss is told what was meant."""
    whole = site.mlship("--help").stdout
    for name in (name for names in PANELS.values() for name in names):
        ran = site.mlship(name, "--help")
        assert (ran.returncode, name in whole, f"mlship {name} [OPTIONS]" in ran.stdout) == (Exit.DONE, True, True)
    wrong = site.mlship("rolback")
    assert (wrong.returncode, "did you mean 'rollback'?" in wrong.stderr) == (Exit.USAGE, True)
