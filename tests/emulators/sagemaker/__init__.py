"""SageMaker as its clients see it, on one port of loopback: strict, and with time as something that a test moves.

    with SageMakerEmulator() as aws:                     # a clock that only the test moves
        client = boto3.client("sagemaker", endpoint_url=aws.url, region_name="us-east-1", ...)
        aws.outcome(Outcome(kind="rolled-back"))         # the next change ends so, without a FailureReason
        aws.fault(Fault(kind="throttle", on="sagemaker:DescribeEndpoint", times=5))
        aws.advance(600)                                 # ten minutes pass

`python -m tests.emulators.sagemaker --port N --speed X` is a process for tests of the command line (the first line
that it prints is its URL): the same orders come as JSON, `POST /_control/...`, answered with JSON.

    settings       any fields of `Settings`; answers all of them      {"unseen_reads": 2, "timings": {"provision": 10}}
    outcome        an `Outcome`                                       {"kind": "stuck", "on": "update"}
    fault          a `Fault`                                          {"kind": "lose", "on": "sagemaker:UpdateEndpoint"}
    reset          forget all but the time; with these settings       {"speed": 1000}
    clear          forget outcomes and faults to come                 {}
    advance        move the clock on                                  {"seconds": 600}
    release        let what is stuck go on                            {"endpoint": "fraud"}
    system-update  AWS's maintenance                                  {"endpoint": "fraud", "seconds": 60}
    metrics        publish in AWS/SageMaker                           {"samples": [{"metric": "ModelLatency", "ago": 60,
                                            "endpoint": "fraud", "variant": "a", "config": "c1", "values": [900, 950]}]}
    drain          wait for copies to shadows                         {}
    calls          calls so far by `service:Operation`                {}
    reset-calls    count anew                                         {}
    now            the clock, seconds since the epoch                 {}

Orders with `endpoint` or `samples` may name a `region`; else it is us-east-1.

**Time.** `SageMakerEmulator(manual=True)` stands still but for `advance`; its `clock` is a `mlship.clock.Clock` whose
`sleep` advances, so a driver that gets it goes through hours in milliseconds. With `manual=False`, and as a process,
timestamps are the machine's, and `speed` divides every duration: states, waits of deployment policies, the minute
between an alarm's evaluations, the delay of captures. It does not touch periods of metrics. Nothing runs in the
background: each call first lets happen what was due, in its order.

**Models** are real HTTP servers, named by the container (see `models`); `local` has one. **S3** is moto's, started by
the first request for it, path style; its buckets belong to the process.

**Regions and callers.** The region is the credential's scope, and each has resources of its own. Signatures are not
verified, but have to be there. `settings.expired` and `settings.denied` take rights away; the session token `expired`
is past its time.

**Protocols.** SageMaker, autoscaling and quotas in JSON; CloudWatch in CBOR, JSON or Query, as botocore likes; STS
and IAM in Query. Requests are held against botocore's own shapes: required, type, minimum, maximum, pattern,
enumeration, and no unknown member. So is every answer.

What is AWS's documented behaviour and what is our reading of it is said by each module; nobody has held this against
a real account. Where the two differ, a test that passes here and not there is a fault of this package. Ours, among
others: how long everything takes, texts beyond "already existing", "Could not find" and "in-progress", that an
unknown member is refused, that a shadow's weight cannot be set by UpdateEndpointWeightsAndCapacities, that
UpdateRollbackFailed takes a new UpdateEndpoint.
"""

from tests.emulators.sagemaker.clock import EmulatedClock
from tests.emulators.sagemaker.faults import Fault
from tests.emulators.sagemaker.server import SageMakerEmulator
from tests.emulators.sagemaker.settings import INTERNAL, Outcome, Settings, Timings

__all__ = ["INTERNAL", "EmulatedClock", "Fault", "Outcome", "SageMakerEmulator", "Settings", "Timings"]
