"""Gates that compare the candidate with the live model over the same looks: error rate and latency."""

from __future__ import annotations

from mlship.gates.account import Account, e_value
from mlship.gates.cut import ERRORS, LEAST_HISTORY, Cuts, choose_cuts, percentile_of
from mlship.gates.judge import Budget
from mlship.gates.proof import Proof
from mlship.gates.strata import Stratum, together
from mlship.gates.wording import grouped, percent
from mlship.metrics.counters import Tally
from mlship.plan.model import Comparison
from mlship.plan.step import Step
from mlship.plan.verdict import Evidence, Outcome, Verdict
from mlship.stats.clustered import ClusteredTest
from mlship.stats.ratio import RatioTest


class ComparisonJudge:
    """Two accounts: against the candidate at every cut (their mean counts), for the candidate at one.

    Errors are judged against "no more frequent than live". Latency is judged, at every cut, against "the odds of a slow
    answer are higher than live's by no more than the margin is worth at the gate's percentile": every new model is a
    little slower or faster, and one that keeps within the margin must not be rolled back for it.
    """

    def __init__(self, gate: Comparison, *, budget: Budget, sticky: bool) -> None:
        self._gate = gate
        self._budget = budget
        self._sticky = sticky
        self._percentile = percentile_of(gate.metric)
        self._history = Tally()
        self._accounts: tuple[Account, ...] = ()
        self._proof: Proof | None = None
        self._proof_cut = ERRORS.proof
        self._seen = 0
        if self._percentile is None:
            self._open(ERRORS)

    def remember(self, live: Tally) -> None:
        """Live's answers: the expected rate, and the cuts for latency once there are enough."""
        self._history = together(self._history, live)
        if self._percentile is None:
            self._open(ERRORS)
        elif not self._accounts and sum(self._history.latency) >= LEAST_HISTORY:
            self._open(choose_cuts(self._history, self._percentile))

    def begin(self) -> None:
        """Requests are counted per step."""
        self._seen = 0

    def absorb(self, stratum: Stratum) -> None:
        """Looks that latency cuts are chosen from are not judged: the cuts would depend on the evidence."""
        if not self._proof:
            self.remember(stratum.live)
            return
        answers, live_answers = (self._proof_cut.count(tally)[1] for tally in (stratum.candidate, stratum.live))
        if not answers or not live_answers:
            return
        for account in self._accounts:
            account.absorb(stratum)
        self._proof.absorb(stratum)
        self._seen += answers

    def speaks(self, share: float) -> bool:
        """Both must have traffic."""
        return 0 < share < 1

    @property
    def e_value(self) -> float:
        """The mean over the cuts."""
        if not self._accounts:
            return 1.0
        return sum(e_value(account.harm.log_e) for account in self._accounts) / len(self._accounts)

    @property
    def evidence(self) -> Evidence | None:
        """Of the cut that carries the proof."""
        return self._told(self._shown) if self._accounts else None

    def verdict(self, step: Step) -> Verdict:
        """Pass: enough requests speak for the candidate; where the step asks for it, they prove it."""
        outcome, reason = self._answer(step)
        return Verdict(gate=self._gate.name, outcome=outcome, reason=reason, evidence=self.evidence)

    def accusation(self) -> Verdict:
        """Of the cut with most evidence of harm."""
        worst = max(self._accounts, key=lambda account: account.harm.log_e)
        reason = worst.told() if self._sticky else f"{worst.told()}; {worst.told_ratio(self._budget.rollback)}"
        return Verdict(gate=self._gate.name, outcome=Outcome.FAIL, reason=reason, evidence=self._told(worst))

    def _answer(self, step: Step) -> tuple[Outcome, str]:
        needed = max(step.requests, 1)
        if not self._proof:
            counted = grouped(sum(self._history.latency))
            return Outcome.WAIT, f"{counted} of {LEAST_HISTORY} answers of live to know its latency"
        if self._seen < needed:
            return Outcome.WAIT, f"{grouped(self._seen)} of {grouped(needed)} requests{self._kind}"
        told = self._shown.told()
        within = f"within {percent(self._gate.margin)}"
        if self._proof.proven:
            return Outcome.PASS, f"proven {within}: {told}"
        if step.proof:
            return Outcome.WAIT, f"{self._proof.missing(proof=True)} to prove it {within}: {told}"
        if self._proof.speaks_for:
            return Outcome.PASS, f"no harm seen: {told}"
        return Outcome.WAIT, f"{self._proof.missing(proof=False)} to see whether it is {within}: {told}"

    @property
    def _kind(self) -> str:
        return "" if self._percentile is None else " timed"

    @property
    def _shown(self) -> Account:
        return next(account for account in self._accounts if account.cut == self._proof_cut)

    def _told(self, account: Account) -> Evidence:
        assert self._proof
        estimate = account.odds.estimate
        return Evidence(
            measure=account.cut.ratio,
            estimate=estimate,
            interval=account.interval(self._budget.rollback),
            e_value=self.e_value,
            limit=1 / self._budget.alone,
            proof=e_value(self._proof.log_e),
            proof_limit=1 / self._budget.promote,
            candidate=account.candidate,
            live=account.live,
        )

    def _open(self, cuts: Cuts) -> None:
        alpha, margin = self._budget.alone / len(cuts.every), self._tolerated
        self._proof_cut = cuts.proof
        self._accounts = tuple(Account(cut=cut, harm=self._harm(alpha, margin)) for cut in cuts.every)
        self._proof = Proof(
            cut=cuts.proof,
            margin=self._gate.margin,
            alpha=self._budget.promote,
            sticky=self._sticky,
            history=cuts.proof.count(self._history),
        )

    def _harm(self, alpha: float, margin: float) -> RatioTest | ClusteredTest:
        test = ClusteredTest if self._sticky else RatioTest
        return test(alpha=alpha, margin=margin)

    @property
    def _tolerated(self) -> float:
        """The odds ratio that a harmless candidate may have."""
        if self._percentile is None:
            return 1.0
        slow = 1 - self._percentile
        allowed = min(slow + self._gate.margin, 0.999)
        return max(1.0, allowed / (1 - allowed) * (1 - slow) / slow)
