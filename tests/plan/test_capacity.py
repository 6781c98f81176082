"""What a plan asks for at once, and beside what there is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.drivers.docker.room import must_fit, room_in
from mlship.errors import Exit, UsageError
from mlship.plan.capacity import Kind, crowds, peaks, spelled, unlimited
from mlship.plan.container import ALL_GPUS, Container, Resources
from mlship.plan.model import AnyStage, Model, Plan
from mlship.strategies import compile_plan
from mlship.views.capacity import capacity, shortages
from mlship.views.paper import Paper
from tests.strategies.plans import blue_green, canary, plan, recreate, rolling

GIB = 1024**3
TWO = Resources(cpus=2.0, memory=GIB)
SMALL = {Kind.CPUS: 4.0, Kind.MEMORY: 3.0 * GIB}


def contained(stage: AnyStage, *, v1: Resources = TWO, v2: Resources = TWO, replicas: int = 2) -> Plan:
    """A plan from v1 to v2, both of them containers."""
    limits = {"v1": v1, "v2": v2}
    models = {
        name: Model(name=name, replicas=replicas, container=Container(image="scorer:1", resources=limits[name]))
        for name in limits
    }
    return replace(plan(stage), models=models)


def most(plan_: Plan) -> dict[Kind, tuple[float, int]]:
    """Kind → amount, and the step in which it is."""
    steps = compile_plan(plan_, live="v1").steps
    return {peak.kind: (peak.amount, peak.step) for peak in peaks(steps, plan_.models, {})}


def said(plan_: Plan, room: dict[Kind, float] | None) -> list[str]:
    """The preview's lines."""
    return [line.plain for line in capacity(compile_plan(plan_, live="v1"), plan_, room, Paper(width=200))]


@pytest.mark.parametrize(
    ("stage", "replicas", "cpus"),
    [
        (blue_green(), 3, 12.0),
        (canary(500, 5000), 3, 12.0),
        (rolling(surge=1), 3, 8.0),
        (rolling(surge=0, unavailable=1), 3, 6.0),
        (recreate(), 3, 6.0),
    ],
    ids=["both sets", "beside the live one", "one more", "none more", "one after the other"],
)
def test_what_there_is_at_once(stage: AnyStage, replicas: int, cpus: float) -> None:
    """New replicas are up before old ones go: both sets, the surge, or one set after the other."""
    assert most(contained(stage, replicas=replicas))[Kind.CPUS][0] == cpus


def test_the_first_of_the_worst_steps() -> None:
    """Each kind has a worst step of its own."""
    plan_ = contained(blue_green(), v1=Resources(memory=4 * GIB), v2=Resources(cpus=1.5, gpus=1))

    assert most(plan_) == {Kind.CPUS: (3.0, 2), Kind.MEMORY: (8.0 * GIB, 1), Kind.GPUS: (2.0, 2)}
    assert dict(next(crowds(compile_plan(plan_, live="v1").steps))) == {"v1": 2}


def test_both_sets_do_not_fit() -> None:
    """It is told what, when, by how much and what comes of it; otherwise that it fits."""
    plan_ = contained(blue_green())

    memory = "4 GiB of memory in step 2 (2 of v1, 2 of v2), the daemon has 3 GiB of memory"

    assert said(plan_, SMALL) == [
        "",
        "Asked for at once, at most: 8 CPUs and 4 GiB of memory in step 2 (2 of v1, 2 of v2).",
        "! does not fit: 8 CPUs in step 2 (2 of v1, 2 of v2), the daemon has 4 CPUs: replicas will wait for each other",
        f"! does not fit: {memory}: replicas may be killed for want of it",
    ]
    assert said(plan_, {Kind.CPUS: 8.0, Kind.MEMORY: 4.0 * GIB})[2:] == [
        "✓ fits: the Docker daemon has 8 CPUs, 4 GiB of memory"
    ]


def test_nobody_knows() -> None:
    """Where the daemon cannot be asked, what is asked for is told all the same."""
    assert said(contained(recreate()), None) == [
        "",
        "Asked for at once, at most: 4 CPUs and 2 GiB of memory in step 1 (2 of v1).",
        "What the Docker daemon has is unknown.",
    ]
    assert list(shortages(compile_plan(contained(recreate()), live="v1"), contained(recreate()), None)) == []


def test_models_without_limits() -> None:
    """They are named: the numbers say nothing of them. So are GPUs that the daemon does not tell of."""
    plan_ = contained(canary(5000), v1=Resources(), v2=Resources(cpus=1.0, gpus=ALL_GPUS))

    assert unlimited(compile_plan(plan_, live="v1").steps, plan_.models) == {
        "v1": [Kind.CPUS, Kind.MEMORY],
        "v2": [Kind.MEMORY],
    }
    assert said(plan_, SMALL)[1:] == [
        "Asked for at once, at most: 2 CPUs and 2 GPUs in step 2 (2 of v1, 2 of v2).",
        "✓ fits: the Docker daemon has 4 CPUs, 3 GiB of memory",
        "Not counted: v1 has no limit of CPUs or memory; v2 has no limit of memory.",
        "The daemon does not tell how many GPUs it has.",
    ]
    assert said(plan(canary(5000)), SMALL) == []


def test_gpus_are_shared() -> None:
    """`all` is as many as there are; two sets of them have to share."""
    plan_ = contained(canary(5000), v1=Resources(gpus=ALL_GPUS), v2=Resources(gpus=1), replicas=1)
    lacks = list(shortages(compile_plan(plan_, live="v1"), plan_, {Kind.GPUS: 2.0}))

    assert lacks == ["3 GPUs in step 2 (1 of v1, 1 of v2), the daemon has 2 GPUs: replicas will share them"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Resources(cpus=4.5), "one replica of v2 asks for 4.5 CPUs, and the Docker daemon has 4 CPUs"),
        (Resources(memory=4 * GIB), "one replica of v2 asks for 4 GiB of memory, and the Docker daemon has 3 GiB"),
        (Resources(gpus=3), "one replica of v2 asks for 3 GPUs, and the Docker daemon has 1 GPU"),
    ],
    ids=["cores", "memory", "devices"],
)
def test_a_replica_that_never_fits(asked: Resources, message: str) -> None:
    """It is refused, with the key that is to be changed; the preview tells that it will be."""
    plan_, room = contained(blue_green(), v2=asked), {**SMALL, Kind.GPUS: 1.0}
    with pytest.raises(UsageError, match=message) as refused:
        must_fit(plan_.models, room)

    assert refused.value.exit_code == Exit.USAGE
    assert "lower models.v2.resources." in refused.value.hint
    assert "deploy refuses" in next(iter(shortages(compile_plan(plan_, live="v1"), plan_, room)))
    must_fit(contained(blue_green(), v2=Resources(gpus=ALL_GPUS)).models, room)


def test_what_a_daemon_tells() -> None:
    """Cores and memory always; GPUs where it lists them."""
    plain = {"NCPU": 2, "MemTotal": GIB}
    cdi = [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}, {"ID": "nvidia.com/gpu=1"}, {"ID": "nvidia.com/gpu=all"}]
    named = [{"NamedResourceSpec": {"Kind": "NVIDIA-GPU", "Value": "GPU-1"}}]
    counted = [{"DiscreteResourceSpec": {"Kind": "gpu", "Value": 3}}, {"DiscreteResourceSpec": {"Kind": "ssd"}}]

    assert room_in(plain) == {Kind.CPUS: 2.0, Kind.MEMORY: float(GIB)}
    assert room_in({**plain, "DiscoveredDevices": cdi})[Kind.GPUS] == 2.0
    assert room_in({**plain, "GenericResources": named})[Kind.GPUS] == 1.0
    assert room_in({**plain, "GenericResources": counted})[Kind.GPUS] == 3.0


def test_amounts_in_words() -> None:
    """Each in a unit in which it is short."""
    assert spelled(Kind.MEMORY, 1.5 * GIB) == "1.5 GiB of memory"
    assert spelled(Kind.MEMORY, 256 * 1024**2) == "256 MiB of memory"
    assert spelled(Kind.CPUS, 1.0) == "1 CPU"
