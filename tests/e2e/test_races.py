"""Two people at one service: what was agreed to before the other one came is not carried out."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlship.errors import Exit
from tests.e2e.site import Site
from tests.e2e.terminal import Terminal
from tests.e2e.test_commands import GATES, LONG, QUICK

pytestmark = pytest.mark.envoy


def third_model(site: Site, plan: Path) -> Path:
    """The same service with one more model, from whatever is live to v3."""
    text = plan.read_text()
    v2 = next(line for line in text.splitlines() if line.startswith("  v2:"))
    other = site.folder / "other.yaml"
    other.write_text(text.replace(v2, f"{v2}\n{v2.replace('v2', 'v3')}").replace("live: v1", "candidate: v3"))
    return other


def test_live_has_changed(site: Site) -> None:
    """A deploy that was agreed to while another model was live refuses, and touches nothing."""
    plan = site.plan(QUICK, more=GATES)
    with site.users() as answers:
        assert site.deploy(plan).returncode == Exit.DONE
        late = Terminal(site, "deploy", third_model(site, plan))
        late.until("Go ahead?")
        assert site.mlship("rollback", "scorer").returncode == Exit.DONE
        answers.clear()
        late.type("y")
        assert late.leave() == Exit.HELD, late.seen
        site.until(lambda: answers.total() > 30)
    assert "has changed since the plan was checked" in late.seen
    assert (set(answers), site.processes("--name v3")) == ({"v1"}, [])
    assert (site.status()["live"], site.status()["candidate"]) == ("v1", "v2")


def test_a_rollout_was_begun(site: Site) -> None:
    """A deploy that was agreed to before another one stopped half-way refuses, and leaves the split alone."""
    plan = site.plan(LONG, more=GATES)
    late = Terminal(site, "deploy", plan)
    late.until("Go ahead?")
    first = site.start("deploy", plan, "--yes", "--output", "plain")
    site.until_share("v2")
    first.terminate()
    assert first.wait(30) == Exit.INTERRUPTED
    late.type("y")
    assert late.leave() == Exit.USAGE, late.seen
    assert "unfinished rollout" in late.seen
    assert {site.ask() for _ in range(40)} == {"v1", "v2"}
    assert site.mlship("rollback", "scorer").returncode == Exit.DONE


@pytest.mark.parametrize("moment", ["half-way", "promoted"])
def test_two_rollbacks_at_once(site: Site, moment: str) -> None:
    """Two people roll back at the same time: both end well, the old model serves alone, and nobody goes forth again."""
    with site.users() as answers:
        plan = site.plan(LONG if moment == "half-way" else QUICK, more=GATES)
        deploy = site.start("deploy", plan, "--yes", "--output", "plain")
        site.until_share("v2")
        if moment == "promoted":
            assert deploy.wait(60) == Exit.DONE
        both = [site.start("rollback", "scorer") for _ in range(2)]
        assert [back.wait(60) for back in both] == [Exit.DONE, Exit.DONE]
        assert deploy.wait(60) == (Exit.DONE if moment == "promoted" else Exit.ROLLED_BACK)
        answers.clear()
        site.until(lambda: answers.total() > 30)
    assert set(answers) == {"v1"}
    assert (site.status()["status"], site.status()["live"]) == ("rolled back", "v1")
    assert site.processes("--name v2") == []
    assert not any("Traceback" in file.read_text() for file in site.folder.glob("out-*.txt"))
