"""`mlship outcome` as a whole command: exit codes, what is told, and what is kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlship.clock import SystemClock
from mlship.errors import Exit
from mlship.metrics.amazon import Aws
from mlship.plan.model import CaptureSettings
from mlship.predictions.store import Predictions
from tests.predictions.made import line
from tests.support.cloud import cloud

PLAN = """\
version: 1
service: scorer
driver: { memory: {} }
models: { v1: {}, v2: {} }
live: v1
stages: [{ strategy: recreate, bake: 0s }]
"""


class Kept:
    """A service that was rolled out once, and two of its answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        (folder / "plan.yaml").write_text(PLAN)
        deployed = self.run("deploy", str(folder / "plan.yaml"), "--yes")
        assert deployed.returncode == Exit.DONE, deployed.stdout + deployed.stderr
        captures = folder / "captures"
        captures.mkdir()
        now = SystemClock().now()
        body = {"outputs": [{"data": [1]}]}
        page = line("c", body=b"<html>", at=now)
        (captures / "predictions.jsonl").write_bytes(line("a", body=body, at=now) + line("b", body=body, at=now) + page)
        self.predictions = Predictions(self.state / "predictions" / "scorer", CaptureSettings(), SystemClock())
        self.predictions.ingest(captures)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "MLSHIP_STATE": str(self.state)}
        command = [sys.executable, "-m", "mlship", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    def outcome(self, content: bytes, *more: str) -> subprocess.CompletedProcess[str]:
        file = self.folder / "labels"
        file.write_bytes(content)
        return self.run("outcome", "scorer", str(file), *more)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("outcome"))


def test_every_line_taken_is_exit_0(kept: Kept) -> None:
    """Labels that match and labels that do not are told apart."""
    ran = kept.outcome(b"id,value\na,1\nz,0\n")
    assert (ran.returncode, ran.stdout, ran.stderr) == (Exit.DONE, "2 lines: 1 matched, 1 not (yet) matched\n", "")
    again = kept.outcome(b"id,value\na,1\nz,0\n")
    assert again.stdout == "2 lines: 1 matched, 1 not (yet) matched, 2 of all known already\n"


def test_some_malformed_lines_are_exit_1(kept: Kept) -> None:
    """What can be read is taken; what cannot is told by its line."""
    ran = kept.outcome(b'{"id": "b", "truth": 1}\n{"id": "b"\n', "--value-column", "truth", "--name", "reward")
    assert ran.returncode == Exit.UNEXPECTED
    assert ran.stderr == "  line 2: not JSON\n  1 malformed\n"
    assert kept.predictions.query("SELECT id, name, value FROM outcomes WHERE name = 'reward'") == [
        ("b", "reward", "1")
    ]


def test_a_report_for_programs(kept: Kept) -> None:
    """With --output json the report is one object on stdout, and nothing else."""
    ran = kept.outcome(b"id,value\nb\nb,1\n", "--output", "json")
    report = json.loads(ran.stdout)
    assert (report["lines"], report["malformed"], ran.stderr) == (2, 1, "")
    assert report["shown"] == [{"line": 2, "why": "1 cells under 2 columns"}]


@pytest.mark.parametrize(
    ("content", "more", "told"),
    [
        (b"", [], "is empty"),
        (b"\x00\x01", [], "is not text"),
        (b"Key,value\na,1\n", ["--id-column", "key"], "did you mean 'Key'"),
        (b"{}\n[]\n", [], "2 malformed"),
    ],
)
def test_a_file_that_cannot_be_used_is_exit_2(kept: Kept, content: bytes, more: list[str], told: str) -> None:
    """Nothing is taken, and the reason is said without a traceback."""
    ran = kept.outcome(content, *more)
    assert (ran.returncode, told in ran.stderr, "Traceback" in ran.stderr) == (Exit.USAGE, True, False), ran.stderr


def test_ground_truth_in_s3(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prefix is a file like any other; nothing there is exit 2, and S3 out of reach is exit 6."""
    truth = {"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "a"}}
    with cloud(monkeypatch):
        s3 = Aws()
        s3.call("s3", "create_bucket", Bucket="truth")
        s3.call("s3", "put_object", Bucket="truth", Key="fraud/2026/11/25/10/a.jsonl", Body=json.dumps(truth).encode())
        ran = kept.run("outcome", "scorer", "s3://truth/fraud/", "--name", "seen")
        nothing = kept.run("outcome", "scorer", "s3://truth/nothing/")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        nobody = kept.run("outcome", "scorer", "s3://truth/fraud/")

    assert (ran.returncode, ran.stdout, ran.stderr) == (Exit.DONE, "1 lines: 1 matched, 0 not (yet) matched\n", "")
    assert (nothing.returncode, "there is nothing at s3://truth/nothing/" in nothing.stderr) == (Exit.USAGE, True)
    assert (nobody.returncode, "credentials" in nobody.stderr) == (Exit.OUT_OF_REACH, True), nobody.stderr


def test_show_tells_what_could_not_be_read(kept: Kept) -> None:
    """What was read of the kept answers, and what was not and why, is on the page of the rollout."""
    shown = [line.split() for line in kept.run("show", "scorer").stdout.splitlines()]
    assert ["answers", "3"] in shown
    assert ["unreadable:", "not", "JSON", "1"] in shown


def test_show_makes_no_store(tmp_path: Path) -> None:
    """Where no answer was ever kept, a page that is read leaves no folder behind."""
    kept = Kept(tmp_path)
    shutil.rmtree(kept.state / "predictions")
    assert kept.run("show", "scorer").returncode == Exit.DONE
    assert not (kept.state / "predictions").exists()


def test_an_unknown_service_is_exit_2(kept: Kept) -> None:
    """The services that there are, are named."""
    ran = kept.run("outcome", "nobody", str(kept.folder / "plan.yaml"))
    assert (ran.returncode, "scorer" in ran.stderr) == (Exit.USAGE, True)


def test_a_store_in_use_is_exit_6(kept: Kept) -> None:
    """While another command works on the kept answers this one waits, and then says so."""
    with kept.predictions.session():
        ran = kept.outcome(b"id,value\na,1\n")
    assert (ran.returncode, "in use by another mlship" in ran.stderr) == (Exit.OUT_OF_REACH, True), ran.stderr
