"""How often the gate of `churn_mlops.registry.gate` errs: false promotions, power, coverage.

Usage: python benchmarks/gate.py [--runs 1000] [--users 2000] [--days 4] [--resamples 300]
           [--correlation 0.85] [--power-runs 200] [--seed 1]

Each run makes up a test set and two models' risks and lets the gate decide, all rules on. A user
has a latent risk; a row's risk is that plus a small part of its own, and a user's luck lasts over
the days, as overlapping label windows make it do. A model sees the risk through noise, of which
a share (`--correlation`) is the same for both models, and answers with the true probability given
what it sees: it is calibrated. How noisy each model is follows from the PR-AUC that it is to have
in expectation, measured on two million rows; so the true difference of two models is known.

The correlation decides how sure a comparison can be. On the synthetic portal (2,000 users, 130
days) boosted trees trained anew with another seed, on older days or with smaller trees had scores
(normal quantiles of their risks) that correlate by 0.97 to 0.98, which a share of 0.85 gives here;
boosted trees and a logistic regression 0.92 to 0.95, as shares of 0.5 to 0.7 do.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.stats import norm

# The gate's sorting and adding up are done by two processes, not by threads within each.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from churn_mlops.data.synthetic_population import (
    COUNTRIES,
    COUNTRY_SHARE,
    PLANS,
    SOURCE_SHARE,
    SOURCES,
)
from churn_mlops.params import Params
from churn_mlops.registry.gate import Judged, weigh
from churn_mlops.training.bootstrap import Ranked

LARGE = 2_000_000
SPREAD, LASTING = 2.0, 0.9
PLAN_SHARE = (0.6, 0.24, 0.16)
GOALS = {
    "equal": "promoted in at most 5 %",
    "better": "promoted in at least 80 %",
    "worse": "promoted in at most 1 %",
}


@dataclass(frozen=True)
class Scenario:
    """Two models and the world that they are compared in.

    Parameters
    ----------
    name : str
    gain : float
        Expected PR-AUC of the challenger less that of the champion.
    champion : float
        Expected PR-AUC of the champion.
    correlation : float
        Of the two models' noise.
    runs, users, days, resamples, seed : int
    base_rate : float
    """

    name: str
    gain: float
    champion: float
    correlation: float
    runs: int
    users: int
    days: int
    resamples: int
    seed: int
    base_rate: float = 0.15

    @property
    def noises(self) -> tuple[float, float]:
        """Standard deviations of the challenger's and of the champion's noise."""
        wanted = (self.champion + self.gain, self.champion)
        return tuple(noise_for(pr_auc, self.base_rate) for pr_auc in wanted)

    @property
    def likeness(self) -> float:
        """Correlation of the two models' scores (of the normal quantiles of their risks)."""
        new, old = self.noises
        shared = SPREAD**2 + self.correlation * new * old
        return float(shared / np.sqrt((SPREAD**2 + new**2) * (SPREAD**2 + old**2)))


def risks(view: np.ndarray, noise: float, base_rate: float) -> np.ndarray:
    """The true probability of churn given a noisy view of the latent risk."""
    kept = SPREAD**2 / (SPREAD**2 + noise**2)
    limit = np.sqrt(1 + SPREAD**2) * norm.isf(base_rate)
    return norm.cdf((kept * view - limit) / np.sqrt(1 + kept * noise**2))


def churned(latent: np.ndarray, luck: np.ndarray, base_rate: float) -> np.ndarray:
    """Labels: the latent risk and luck together pass a limit."""
    return (latent + luck > np.sqrt(1 + SPREAD**2) * norm.isf(base_rate)).astype(np.int8)


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """The gate's own PR-AUC of all rows."""
    ranked = Ranked(labels, scores, np.zeros(len(labels), dtype=np.int64))
    return float(ranked.metrics(np.ones((1, 1)))["pr_auc"][0])


@cache
def noise_for(pr_auc: float, base_rate: float) -> float:
    """The noise with which a model has a PR-AUC in expectation, by halving an interval."""
    rng = np.random.default_rng(0)
    latent = SPREAD * rng.standard_normal(LARGE)
    labels = churned(latent, rng.standard_normal(LARGE), base_rate)
    blur = rng.standard_normal(LARGE)
    low, high = 0.0, 8.0
    for _ in range(18):
        middle = (low + high) / 2
        if average_precision(labels, latent + middle * blur) > pr_auc:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def sample(scenario: Scenario, seed: int) -> tuple[Judged, np.ndarray, np.ndarray]:
    """Make up one test set with the challenger's and the champion's risks."""
    rng = np.random.default_rng((scenario.seed, seed))
    users = np.repeat(np.arange(scenario.users), scenario.days)

    def draw() -> np.ndarray:
        own = np.sqrt(1 - LASTING) * rng.standard_normal(len(users))
        return np.sqrt(LASTING) * rng.standard_normal(scenario.users)[users] + own

    latent = SPREAD * draw()
    labels = churned(latent, draw(), scenario.base_rate)
    same = np.sqrt(scenario.correlation) * draw()
    found = []
    for noise in scenario.noises:
        view = latent + noise * (same + np.sqrt(1 - scenario.correlation) * draw())
        found.append(risks(view, noise, scenario.base_rate))

    def choice(values: tuple[str, ...], shares: object) -> np.ndarray:
        return rng.choice(np.array(values, dtype=object), scenario.users, p=shares)[users]

    columns = {
        "plan": choice(PLANS, PLAN_SHARE),
        "country": choice(COUNTRIES, COUNTRY_SHARE),
        "marketing_source": choice(SOURCES, SOURCE_SHARE),
        "days_since_signup": rng.integers(0, 180, scenario.users)[users],
    }
    return Judged(labels, users, columns), found[0], found[1]


def decide(task: tuple[Scenario, int]) -> tuple[list[str], bool, float]:
    """One run: the rules that failed, whether the interval holds the truth, the difference."""
    scenario, seed = task
    params = Params.model_validate({"promotion": {"resamples": scenario.resamples}})
    verdict = weigh(*sample(scenario, seed), params, is_model=True)
    failed = [rule.rule.split()[0] for rule in verdict.rules if rule.passed is False]
    covered = verdict.low <= scenario.gain <= verdict.high
    return failed, covered, verdict.difference


def wilson(count: int, runs: int) -> str:
    """A share and its 95 % interval (Wilson 1927)."""
    z = float(norm.ppf(0.975))
    share = count / runs
    middle = (share + z**2 / (2 * runs)) / (1 + z**2 / runs)
    half = z * np.sqrt(share * (1 - share) / runs + z**2 / (4 * runs**2)) / (1 + z**2 / runs)
    return f"{share:.1%} ({max(middle - half, 0):.1%} to {middle + half:.1%})"


def measure(scenario: Scenario, pool: multiprocessing.pool.Pool) -> str:
    """All runs of a scenario as a line of the table."""
    results = []
    began = time.perf_counter()
    tasks = ((scenario, seed) for seed in range(scenario.runs))
    for result in pool.imap_unordered(decide, tasks, chunksize=5):
        results.append(result)
        if len(results) % 50 == 0:
            took = time.perf_counter() - began
            print(f"  {scenario.name}: {len(results)} of {scenario.runs}, {took:.0f} s", flush=True)
    failed = [names for names, _, _ in results]
    differences = np.array([difference for _, _, difference in results])
    cells = [
        scenario.name,
        f"{scenario.gain:+.2f}",
        f"{scenario.correlation:.2f}",
        f"{scenario.likeness:.3f}",
        str(scenario.runs),
        wilson(sum(not names for names in failed), scenario.runs),
        wilson(sum("better" not in names for names in failed), scenario.runs),
        wilson(sum("slices" in names for names in failed), scenario.runs),
        wilson(sum("calibration" in names for names in failed), scenario.runs),
        wilson(sum(covered for _, covered, _ in results), scenario.runs),
        f"{differences.mean():+.4f}",
        f"{differences.std(ddof=1):.4f}",
    ]
    return f"| {' | '.join(cells)} |"


HEAD = (
    "scenario",
    "true difference",
    "correlation of noise",
    "of scores",
    "runs",
    "promoted",
    "interval above 0",
    "stopped by slices",
    "by calibration",
    "interval holds the truth",
    "mean difference",
    "its spread",
)


def scenarios(arguments: argparse.Namespace) -> Iterator[Scenario]:
    """The scenarios with goals, then the power at other correlations."""
    base = Scenario(
        "equal",
        0.0,
        arguments.champion,
        arguments.correlation,
        arguments.runs,
        arguments.users,
        arguments.days,
        arguments.resamples,
        arguments.seed,
    )
    yield base
    yield replace(base, name="better", gain=0.02)
    yield replace(base, name="worse", gain=-0.02)
    for correlation in arguments.other:
        yield replace(
            base, name="better", gain=0.02, correlation=correlation, runs=arguments.power_runs
        )


def main() -> None:
    """Run all scenarios and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--power-runs", type=int, default=200)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--days", type=int, default=4)
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--champion", type=float, default=0.7)
    parser.add_argument("--correlation", type=float, default=0.85)
    parser.add_argument("--other", type=float, nargs="*", default=[0.5, 0.7, 0.9, 0.95])
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    wanted = [scenario for scenario in scenarios(arguments) if scenario.runs]
    for scenario in wanted:
        # Before the processes fork, so that they find the noises ready.
        print(f"{scenario.name}: noises {scenario.noises[0]:.3f} and {scenario.noises[1]:.3f}")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        lines = [measure(scenario, pool) for scenario in wanted]
    print(
        f"\n{arguments.users:,} users on {arguments.days} days, {arguments.resamples} resamples,"
        f" base rate {wanted[0].base_rate:.0%}, PR-AUC of the champion {arguments.champion}\n"
    )
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    print("\n".join(lines))
    for name, goal in GOALS.items():
        print(f"\nGoal of {name}: {goal}.", end="")
    print(" The interval should hold the truth in 95 %.")


if __name__ == "__main__":
    main()
