"""A shadow variant beside the live one: numbers from CloudWatch, answers and ground truth from S3."""

from __future__ import annotations

from msgspec.structs import replace

from mlship.drivers.sagemaker import SagemakerDriver
from mlship.metrics.counters import difference
from mlship.plan.model import CaptureSettings
from mlship.plan.routing import Capture, Mirror, all_to
from mlship.predictions.form import Format
from mlship.predictions.formats import Columns
from mlship.predictions.outcomes import take
from mlship.predictions.remote import read
from mlship.predictions.source import CapturedAnswers, lateness
from mlship.predictions.store import Predictions
from tests.drivers.sagemaker.truth import BUCKET, tell
from tests.support.sagemaker_site import SagemakerSite

MIRRORED = replace(all_to("v1"), mirrors=(Mirror(model="v2", share=10_000),), capture=Capture())


def mirrored(site: SagemakerSite) -> SagemakerDriver:
    """v2 gets a copy of each of v1's requests, and answers are kept, in a place written with a slash at its end."""
    site.clients("s3").create_bucket(Bucket=BUCKET)
    driver = site.open(capture=f"s3://{BUCKET}/live/")
    driver.ensure("v1", 1)
    driver.route(all_to("v1"))
    driver.expect(MIRRORED, insist=False)
    driver.ensure("v2", 1)
    driver.route(MIRRORED)
    site.aws.advance(60)
    return driver


def users(site: SagemakerSite, number: int) -> None:
    """Each request has an id of the caller's own."""
    for place in range(number):
        site.ask(InferenceId=f"order-{place}")
    site.aws.drain()


def test_both_sides_are_counted(site: SagemakerSite) -> None:
    """Copies are the challenger's requests, and users never see its errors."""
    driver = mirrored(site)
    before = driver.measure()
    users(site, 8)
    site.aws.advance(600)

    tallies = difference(before, driver.measure())
    assert tallies is not None
    assert {model: tally.requests for model, tally in tallies.items()} == {"v1": 8, "v2": 8}
    assert [sum(tally.latency) for tally in tallies.values()] == [8, 8]


def test_answers_and_ground_truth_meet(site: SagemakerSite) -> None:
    """Pairs by the caller's id, labels by the same id out of a prefix in S3."""
    driver = mirrored(site)
    kept = Predictions(site.folder / "kept", CaptureSettings(prediction="model"), site.aws.clock, late=lateness(driver))
    answers = CapturedAnswers(kept, driver)
    since = site.aws.clock.now()
    users(site, 8)
    site.aws.advance(120)
    found, mark = answers.look("v1", {"v2": 10_000}, since)
    assert (found["v2"].total.pairs, found["v2"].total.agreed, found["v2"].total.labelled) == (8, 0, 0)
    answers.settle(mark)

    tell(site, "2026/11/25/10/labels.jsonl", [f"order-{place}" for place in range(6)], "v2")
    report = take(read(f"s3://{BUCKET}/truth/", Format.AUTO, Columns()), "label", kept)
    assert (report.lines, report.matched) == (6, 6)
    site.aws.advance(60)
    found, _ = answers.look("v1", {"v2": 10_000}, since)
    (cell,) = found["v2"].total.cells
    assert (cell.truth, cell.live, cell.challenger, cell.count) == ("v2", "v1", "v2", 6)


def test_without_a_place_nothing_is_kept(site: SagemakerSite) -> None:
    """A plan that keeps no answers asks S3 for nothing."""
    driver = site.open()
    driver.ensure("v1", 1)
    driver.route(all_to("v1"))
    site.aws.calls.clear()
    driver.rotate()

    assert not [call for call in site.aws.calls if call.startswith("s3:")]
    assert not driver.captures().exists()
