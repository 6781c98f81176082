"""What a bandit does, in plain words, before it runs: how it divides the traffic, when it is over, what that claims."""

from __future__ import annotations

from typing import assert_never

from mlship.plan.outcome import Policy, Race, Stop
from mlship.plan.routing import WHOLE
from mlship.views import words
from mlship.views.experiment import Experiment, Said, counted


def of_race(experiment: Experiment, race: Race) -> Said:
    """A sentence each of what is counted, the policy, the weights, the end and its claim."""
    yield "Counted", counted(experiment, race.metric)
    yield "Policy", _policy(experiment, race)
    yield "Weights", _weights(experiment, race)
    over, claim = _over(experiment, race)
    yield (
        "Over",
        f"{over}; else {experiment.late}. If {experiment.live} is the one, all others are rejected: rolled back.",
    )
    yield "Claims", claim


def _policy(experiment: Experiment, race: Race) -> str:
    match race.policy:
        case Policy.PROBABILITY_MATCHING:
            bolder = f", bolder towards {words.count(race.horizon)} {experiment.units}" if race.horizon else ""
            return f"probability matching; an arm gets the probability that it is the best, computed{bolder}."
        case Policy.THOMPSON:
            return "Thompson sampling; an arm gets the probability that it is the best, drawn from what is believed."
        case Policy.KL_UCB:
            return "KL-UCB; all but the floors goes to the arm that could be the best by the highest upper bound."
        case Policy.EPSILON_GREEDY:
            even = words.percent(race.epsilon)
            return f"epsilon-greedy; {even} is divided evenly, all else goes to the arm that looks best."
        case _:
            assert_never(race.policy)


def _weights(experiment: Experiment, race: Race) -> str:
    units = experiment.units
    moves = (
        f"move once {words.count(race.batch)} {units} more are counted, at most every {words.duration(race.every)}, "
        f"and first when each arm has {words.count(race.burn_in)}"
    )
    top = f" and at most {words.share(race.ceiling)}" if race.ceiling < WHOLE else ""
    fades = (
        f"; what is old counts {words.number(race.discount)} of its weight after each move" if race.discount < 1 else ""
    )
    return f"{moves}; each arm keeps at least {words.share(race.floor)}{top}{fades}."


def _over(experiment: Experiment, race: Race) -> tuple[str, str]:
    """When it is over, and what that claims."""
    match race.stop:
        case Stop.EVIDENCE:
            alpha = words.percent(race.alpha)
            over = "over all arms and looks, also where all are equal"
            claim = f"the winner is better than each other arm; that it is not has probability at most {alpha}, {over}."
            return "once one arm is proven better than each other one", claim
        case Stop.LOSS:
            lost = words.percent(race.loss)
            return (
                f"once choosing the arm that looks best loses at most {lost} of its value",
                "nothing is proven; by what is believed then, little is left to gain.",
            )
        case Stop.HORIZON:
            traffic, horizon = experiment.plan.traffic, race.horizon or 0
            time = f" ({words.duration(horizon / traffic)} at {words.rate(traffic)} requests/s)" if traffic else ""
            return (
                f"once {words.count(horizon)} {experiment.units} are counted{time}; the arm that looks best goes on",
                "nothing is proven; as much as possible is earned until then.",
            )
        case _:
            assert_never(race.stop)
