"""mlship: rollouts of machine-learning models from one YAML plan.

The path of the data, station by station:

    plan/        what was asked          YAML → Plan; every fault at once, with file:line:column
    strategies/  what that means         Plan → steps, the way back included; pure
    engine/      runs the steps          decide.py is pure; run.py writes intent, acts, writes outcome
    drivers/     hands on the world      observe, ensure, route, measure, retire
    dataplane/   Envoy as the router     configuration from a Routing, counters back
    metrics/     numbers in              counters → looks
    gates/       numbers → verdict       pass, fail, wait or blind; pure
    stats/       the mathematics         floats in, floats out
    journal/     what happened           typed events, their fold, the lease
    views/       record → eyes           dashboard, plain lines, JSON lines, plan preview, history
    cli/         one file per command    the only place that builds objects and catches errors

Imports run in one direction only; `lint-imports` checks it.
"""

__version__ = "0.1.0"
