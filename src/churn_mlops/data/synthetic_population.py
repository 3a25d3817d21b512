"""Who the portal's users are: sign-up days, attributes and personal constants.

Ids follow the order of sign-up, so that the users of a block who are there on a day are always
its first ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churn_mlops.data.synthetic_drift import Effects, effects
from churn_mlops.data.synthetic_signups import HISTORY_DAYS, Ints, signups
from churn_mlops.data.synthetic_streams import Purpose, stream
from churn_mlops.params.tree import Synthetic

Floats = npt.NDArray[np.float64]

PLANS = ("free", "basic", "pro")
PRO_SHARE = 0.4
PLAN_PRICE = np.array([0.0, 9.99, 29.99])
PLAN_HAZARD = np.array([1.4, 1.0, 0.6])
PLAN_LOG_ODDS = np.array([-0.1, 0.1, 0.4])

COUNTRIES = ("IN", "US", "UK", "CA", "AU", "SG", "DE", "BR")
NEW_MARKET = "JP"
"""Where nobody comes from before the market opens; its position follows those of `COUNTRIES`."""
COUNTRY_SHARE = np.array([0.30, 0.24, 0.11, 0.08, 0.07, 0.05, 0.08, 0.07])
NEW_COUNTRY_SHARE = np.array([0.08, 0.08, 0.05, 0.04, 0.05, 0.10, 0.20, 0.40])
COUNTRY_LOG_ODDS = np.array([0.1, 0.0, 0.0, 0.05, -0.05, 0.15, 0.05, -0.2, -1.2])
COUNTRY_HAZARD = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.5])
COUNTRY_UTC_HOURS = np.array([5.5, -6.0, 0.0, -5.0, 10.0, 8.0, 1.0, -3.0, 9.0])

SOURCES = ("organic", "referral", "ads", "youtube", "community")
SOURCE_SHARE = np.array([0.35, 0.15, 0.25, 0.15, 0.10])
SOURCE_HAZARD = np.array([1.0, 0.7, 1.5, 1.1, 0.8])

ACTIVITY_RANGE = (0.35, 0.95)
ACTIVITY_BETA = (2.0, 1.8)
INTENSITY_SHAPE = 6.0
LAST_BILLING_DAY = 28


@dataclass(frozen=True)
class Population:
    """One block of users; all arrays have one entry per user, in the order of ids.

    Attributes
    ----------
    block : int
        Number of the block.
    first_id : int
        user_id of the first user.
    start : date
        First day of the log; day 0.
    signup : int64 array
        Day of sign-up, negative before the log; ascending.
    plan, country, source : int64 arrays
        Positions in `PLANS`, `COUNTRIES` (one more for `NEW_MARKET`) and `SOURCES`.
    log_odds : float64 array
        Log odds of an active day on a neutral weekday while engaged.
    intensity : float64 array
        Factor on the number of videos and quizzes of an active day; mean 1.
    minutes : float64 array
        Median length of a watched video, minutes.
    skill : float64 array
        Mean quiz score while engaged, points.
    hazard : float64 array
        Factor on the hazard of starting to leave, from plan, source and country.
    billing_day : int64 array
        Day of the month on which the user is charged, 1 to 28; 0 for free plans.
    first_course : int64 array
        Where in the catalogue of courses the user begins.
    """

    block: int
    first_id: int
    start: date
    signup: Ints
    plan: Ints
    country: Ints
    source: Ints
    log_odds: Floats
    intensity: Floats
    minutes: Floats
    skill: Floats
    hazard: Floats
    billing_day: Ints
    first_course: Ints

    def __len__(self) -> int:
        return len(self.signup)

    @property
    def paid(self) -> npt.NDArray[np.bool_]:
        """Who pays."""
        return self.plan > 0

    def present(self, day: int) -> int:
        """Number of users who have signed up by the end of a day: the first so many."""
        return int(np.searchsorted(self.signup, day, side="right"))


def draw_population(
    synthetic: Synthetic, start: date, last_day: int, block: int, block_users: int
) -> Population:
    """Draw the users of a block who have signed up by the end of `last_day`.

    Parameters
    ----------
    synthetic : Synthetic
        ``users``, ``seed``, ``paid_share`` and ``drift`` are read.
    start : date
        First day of the log.
    last_day : int
        Last day of interest; a later one adds users and changes none.
    block, block_users : int
        Number of the block and its size, users.

    Returns
    -------
    Population
    """
    counts = signups(synthetic.users, start, last_day, synthetic.drift)
    rank = np.arange(block * block_users, min((block + 1) * block_users, int(counts[-1])))
    signup = np.searchsorted(counts, rank, side="right") - HISTORY_DAYS
    size = len(rank)

    def draws(purpose: Purpose) -> np.random.Generator:
        return stream(synthetic.seed, purpose, block)

    chance = draws(Purpose.PLAN).random(size)
    paid_share = synthetic.paid_share
    plan = (chance < paid_share).astype(np.int64) + (chance < paid_share * PRO_SHARE)
    country = _countries(draws(Purpose.COUNTRY).random((size, 2)), signup, synthetic, start)
    if any(change.kind == "new_market" for change in synthetic.drift):
        added = _per_signup(signup, synthetic, start, lambda now: now.new_market)
        added[signup < 0] = 0.0
        chance = draws(Purpose.MARKET).random(size)
        country = np.where(chance < added / (1.0 + added), len(COUNTRIES), country)
    source = _pick(SOURCE_SHARE, draws(Purpose.SOURCE).random(size))
    low, high = ACTIVITY_RANGE
    level = low + (high - low) * draws(Purpose.ACTIVITY_LEVEL).beta(*ACTIVITY_BETA, size)
    taste = draws(Purpose.TASTE).random((size, 3))
    month_day = (_dates(start, signup) - _dates(start, signup).astype("M8[M]")).astype(np.int64) + 1
    return Population(
        block=block,
        first_id=block * block_users + 1,
        start=start,
        signup=signup.astype(np.int64),
        plan=plan,
        country=country,
        source=source,
        log_odds=np.log(level / (1 - level)) + PLAN_LOG_ODDS[plan] + COUNTRY_LOG_ODDS[country],
        intensity=draws(Purpose.INTENSITY).gamma(INTENSITY_SHAPE, 1 / INTENSITY_SHAPE, size),
        minutes=14.0 + 8.0 * taste[:, 0],
        skill=70.0 + 15.0 * taste[:, 1],
        hazard=PLAN_HAZARD[plan] * SOURCE_HAZARD[source] * COUNTRY_HAZARD[country],
        billing_day=np.where(plan > 0, np.minimum(month_day, LAST_BILLING_DAY), 0),
        first_course=(taste[:, 2] * 1_000).astype(np.int64),
    )


def users_table(population: Population, first_day: int, last_day: int) -> pa.Table:
    """Build the users table of a block.

    Parameters
    ----------
    population : Population
    first_day, last_day : int
        Only who signed up on these days; with day 0 also who did before the log.

    Returns
    -------
    pa.Table
        user_id, signup_date, plan, is_paid, country and marketing_source, by user_id.
    """
    begin = 0 if first_day == 0 else population.present(first_day - 1)
    rows = slice(begin, population.present(last_day))
    ids = population.first_id + np.arange(len(population))
    return pa.table(
        {
            "user_id": pa.array(ids[rows], pa.int64()),
            "signup_date": pa.array(_dates(population.start, population.signup[rows])),
            "plan": labels(population.plan[rows], PLANS),
            "is_paid": pa.array(population.paid[rows].astype(np.int8)),
            "country": labels(population.country[rows], (*COUNTRIES, NEW_MARKET)),
            "marketing_source": labels(population.source[rows], SOURCES),
        }
    )


def labels(
    codes: npt.NDArray[np.integer],
    names: tuple[str, ...],
    missing: npt.NDArray[np.bool_] | None = None,
) -> pa.Array:
    """Positions in a list of names as a string array; null where `missing`."""
    indices = pa.array(codes.astype(np.int16), mask=missing)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names)).cast(pa.string())


def _dates(start: date, days: Ints) -> npt.NDArray[np.datetime64]:
    return np.datetime64(start, "D") + days.astype("m8[D]")


def _pick(share: Floats, chance: Floats) -> Ints:
    """Inverse distribution function of a categorical variable."""
    picked: Ints = np.searchsorted(np.cumsum(share)[:-1] / share.sum(), chance, side="right")
    return picked


def _countries(chance: Floats, signup: Ints, synthetic: Synthetic, start: date) -> Ints:
    share = _per_signup(signup, synthetic, start, lambda now: now.new_country_share)
    usual, other = _pick(COUNTRY_SHARE, chance[:, 0]), _pick(NEW_COUNTRY_SHARE, chance[:, 0])
    return np.where(chance[:, 1] < share, other, usual)


def _per_signup(
    signup: Ints, synthetic: Synthetic, start: date, read: Callable[[Effects], float]
) -> Floats:
    """One of the effects of the day of sign-up, for every user."""
    days, place = np.unique(signup, return_inverse=True)
    found = [read(effects(synthetic.drift, start + timedelta(days=int(day)))) for day in days]
    values: Floats = np.array(found, dtype=np.float64)[place]
    return values
