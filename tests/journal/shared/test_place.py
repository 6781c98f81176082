from __future__ import annotations

from pathlib import Path

import pytest

from mlship.errors import UsageError
from mlship.journal.shared.place import Place, parse, part
from tests.journal.made import output_of

OPENED = """
import os, sys
from mlship.cli import wiring
from mlship.clock import SystemClock
os.environ["MLSHIP_STATE"] = sys.argv[1]
journal = wiring.open_journal(SystemClock())
if "://" not in sys.argv[1]:
    journal.services()
print(sorted({"boto3", "botocore", "tenacity"} & set(sys.modules)), wiring.state_folder().name)
"""


@pytest.mark.parametrize(
    ("url", "place", "key"),
    [
        ("s3://rollouts", Place(bucket="rollouts"), "log"),
        ("s3://rollouts/", Place(bucket="rollouts"), "log"),
        ("s3://ml.rollouts-1/team/a/", Place(bucket="ml.rollouts-1", prefix="team/a"), "team/a/log"),
    ],
)
def test_an_address_names_a_bucket_and_a_prefix(url: str, place: Place, key: str) -> None:
    """With or without a prefix, and whether it ends with a slash or not."""
    assert parse(url) == place
    assert place.key("log") == key
    assert str(parse(str(place))) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["s3://", "s3:///x", "s3://Up", "s3://key:geheim@bucket/x", "gs://bucket", "s3://bucket/a?b=geheim", "s3://b"],
)
def test_what_is_no_bucket_is_refused_without_being_repeated(url: str) -> None:
    """Somebody may have put a secret into the address."""
    with pytest.raises(UsageError, match="s3://bucket/prefix") as caught:
        parse(url)
    assert "geheim" not in caught.value.message + caught.value.hint


def test_another_endpoint_is_another_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buckets of the same name in two stores share nothing on this machine."""
    place = Place(bucket="rollouts")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    one = place.folder
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")

    assert one != place.folder
    assert one.startswith("rollouts-")


@pytest.mark.parametrize("service", ["fraud", "..", ".", "a/../b", "%2E", "ü", ""])
def test_a_service_stays_below_the_prefix(service: str) -> None:
    """Whatever a service is called, it is one part of a key, and of no way up."""
    assert "/" not in part(service)
    assert "." not in part(service)
    assert part(service)


def test_only_a_bucket_loads_the_client(tmp_path: Path) -> None:
    """Who keeps the journal in a folder does not wait for what S3 needs; a bucket is not asked before it is used."""
    assert output_of(OPENED, tmp_path / "state") == "[] state\n"
    assert output_of(OPENED, "s3://rollouts/a").startswith("[] rollouts-")
