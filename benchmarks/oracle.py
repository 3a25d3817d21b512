"""How near a model of observable history comes to the generator's own probability.

Trains LightGBM on plain pandas features of earlier days of the synthetic portal, and compares its
PR-AUC (average precision) on later days with that of the oracle and of recency alone:

    python benchmarks/oracle.py --users 20000
"""

from __future__ import annotations

import argparse
import time
from datetime import date

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score

from churn_mlops.data.generate_synthetic import ACTIVE_EVENTS, blocks, inactivity_probability
from churn_mlops.params.tree import Synthetic

START = date(2025, 1, 1)
WINDOW = 30
ROLLING = (7, 14, 30)
TRAIN_DAYS = range(29, 60, 3)
TEST_DAYS = range(TRAIN_DAYS[-1] + WINDOW + 1, TRAIN_DAYS[-1] + 2 * WINDOW + 1, 10)
DAYS = TEST_DAYS[-1] + WINDOW + 1

Grid = npt.NDArray[np.float64]


def load(synthetic: Synthetic) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Generate the log as two frames, with the day of each event as a number."""
    parts = list(blocks(synthetic, START))
    users = pd.concat([part.users.to_pandas() for part in parts], ignore_index=True)
    wanted = ["user_id", "event_time", "event_type", "watch_minutes", "quiz_score"]
    frames = []
    for part in parts:
        frame = part.events.select(wanted).to_pandas()
        frame["day"] = (frame.pop("event_time") - pd.Timestamp(START)).dt.days
        frame["event_type"] = frame["event_type"].astype("category")
        frames.append(frame)
    events = pd.concat(frames, ignore_index=True)
    users["signup_day"] = (pd.to_datetime(users["signup_date"]) - pd.Timestamp(START)).dt.days
    return users, events


def grids(users: pd.DataFrame, events: pd.DataFrame) -> dict[str, Grid]:
    """Daily sums by user (rows) and day (columns)."""

    def grid(rows: pd.DataFrame, weights: pd.Series | None = None) -> Grid:
        place = (rows["user_id"].to_numpy() - 1) * DAYS + rows["day"].to_numpy()
        return np.bincount(place, weights, len(users) * DAYS).reshape(-1, DAYS).astype(float)

    kind = events["event_type"]
    daily = {str(name): grid(events[kind == name]) for name in kind.unique()}
    daily["active"] = (grid(events[kind.isin(ACTIVE_EVENTS)]) > 0).astype(float)
    video, quiz = events[kind == "video_watch"], events[kind == "quiz_attempt"]
    daily["minutes"] = grid(video, video["watch_minutes"])
    daily["score"] = grid(quiz, quiz["quiz_score"])
    return daily


def rows_of(day: int, users: pd.DataFrame, daily: dict[str, Grid]) -> pd.DataFrame:
    """Features, label and recency of the users who were active in the last `WINDOW` days."""
    table = users[["user_id", "plan", "is_paid", "country", "marketing_source"]].copy()
    table["day"] = day
    table["tenure"] = day - users["signup_day"]
    for span in ROLLING:
        for name, values in daily.items():
            table[f"{name}_{span}d"] = values[:, max(day - span + 1, 0) : day + 1].sum(axis=1)
        table[f"minutes_per_video_{span}d"] = table[f"minutes_{span}d"] / table[
            f"video_watch_{span}d"
        ].replace(0, np.nan)
        table[f"mean_score_{span}d"] = table[f"score_{span}d"] / table[
            f"quiz_attempt_{span}d"
        ].replace(0, np.nan)
    for name in ("active", "login", "video_watch", "minutes"):
        table[f"{name}_trend"] = table[f"{name}_7d"] / 7 - table[f"{name}_30d"] / 30
    past = daily["active"][:, : day + 1]
    table["recency"] = np.where(past.any(axis=1), past[:, ::-1].argmax(axis=1), day + 1)
    future = daily["active"][:, day + 1 : day + 1 + WINDOW]
    table["churned"] = (future.sum(axis=1) == 0).astype(int)
    for name in ("plan", "country", "marketing_source"):
        table[name] = table[name].astype("category")
    here = (users["signup_day"] <= day) & (table["active_30d"] > 0)
    return table[here]


def compare(synthetic: Synthetic) -> dict[str, float]:
    """Train, score and compare."""
    users, events = load(synthetic)
    daily = grids(users, events)
    train = pd.concat([rows_of(day, users, daily) for day in TRAIN_DAYS], ignore_index=True)
    test = pd.concat([rows_of(day, users, daily) for day in TEST_DAYS], ignore_index=True)
    columns = [name for name in train if name not in ("user_id", "day", "churned")]
    model = lgb.LGBMClassifier(
        n_estimators=300,
        learning_rate=0.03,
        num_leaves=15,
        min_child_samples=100,
        colsample_bytree=0.6,
        subsample=0.8,
        subsample_freq=1,
        reg_lambda=5.0,
        random_state=0,
        num_threads=2,
        verbose=-1,
    )
    model.fit(train[columns], train["churned"])
    oracle = pd.concat(
        inactivity_probability(synthetic, START, day, WINDOW).to_pandas().assign(day=day)
        for day in TEST_DAYS
    )
    known = test[["user_id", "day"]].merge(oracle, on=["user_id", "day"], how="left")
    truth = test["churned"]
    best = average_precision_score(truth, known["probability"])
    learned = average_precision_score(truth, model.predict_proba(test[columns])[:, 1])
    recency = average_precision_score(truth, test["recency"])
    return {
        "train rows": len(train),
        "test rows": len(test),
        "base rate": truth.mean(),
        "oracle mean probability": known["probability"].mean(),
        "PR-AUC oracle": best,
        "PR-AUC LightGBM": learned,
        "PR-AUC recency": recency,
        "LightGBM / oracle": learned / best,
    }


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()
    began = time.perf_counter()
    figures = compare(Synthetic(users=arguments.users, days=DAYS, seed=arguments.seed))
    for name, value in figures.items():
        print(f"{name:24} {value:10.4f}" if value < 2 else f"{name:24} {value:10,.0f}")
    print(f"{'seconds':24} {time.perf_counter() - began:10.1f}")


if __name__ == "__main__":
    main()
