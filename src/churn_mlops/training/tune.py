"""Looks for better parameters of the boosted trees, in bounded time, on the training days only."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from churn_mlops import engine
from churn_mlops.errors import ParamsError
from churn_mlops.features.catalogue import model_features
from churn_mlops.files import write_text
from churn_mlops.params import Candidate, Params
from churn_mlops.progress import steps
from churn_mlops.registry.mlflow_registry import Run, Tracker
from churn_mlops.summary import Summary
from churn_mlops.tables import scan
from churn_mlops.training.boosting import METRIC, best_rounds
from churn_mlops.training.build_training_set import dataset_contract
from churn_mlops.training.data import read_data
from churn_mlops.training.fit_encoding import fit_encoding
from churn_mlops.training.rows import held, rows_per_day, table_digest
from churn_mlops.training.split import split_days

# What is searched: name, lowest, highest, and whether the scale is logarithmic.
SPACE: Mapping[str, tuple[float, float, bool]] = {
    "num_leaves": (7, 127, True),
    "max_depth": (3, 12, False),
    "learning_rate": (0.02, 0.2, True),
    "min_rows_per_leaf": (20, 2_000, True),
    "feature_share": (0.2, 1.0, False),
    "row_share": (0.5, 1.0, False),
    "l2": (0.1, 100.0, True),
}
SIGNIFICANT = 3

Score = Callable[[Params], tuple[float, int]]


def run(params: Params, path: Path, minutes: float, trials: int) -> Summary:
    """Search with Optuna and write the best parameters into the parameter file.

    Every trial is fitted before the validation days, with the embargo between, and judged on
    them by PR-AUC; the test days have no say. The present parameters are among the trials: they
    stay unless something is better. The study lies in ``artifacts/tuning/study.db``, under a
    name that follows from the data and the other parameters: a search that was interrupted goes
    on where it was, one on other data starts anew.

    Parameters
    ----------
    params : Params
    path : Path
        The parameter file, whose comments and order stay.
    minutes : float
        No trial but the first starts after so many.
    trials : int
        At most so many new trials.

    Raises
    ------
    NotEnoughDataError
        The training days leave nothing to validate on.
    TrackingError
        MLflow cannot be reached.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    started = time.monotonic()
    with Tracker(params.tracking) as tracker, steps("tune", trials) as step:
        digest, score = prepare(params)
        store = Path(params.paths.artifacts) / "tuning" / "study.db"
        store.parent.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            storage=f"sqlite:///{store}",
            study_name=study_name(params, digest),
            sampler=optuna.samplers.TPESampler(seed=params.training.seed),
            direction="maximize",
            load_if_exists=True,
        )
        before = len(study.trials)
        # Whatever was tried before: the present parameters are what the best must beat.
        if value_of(study, present(params)) is None:
            study.enqueue_trial(present(params))

        def objective(trial: Any) -> float:
            chosen = {name: _suggest(trial, name) for name in SPACE}
            value, rounds = score(with_candidate(params, chosen))
            trial.set_user_attr("rounds", rounds)
            return value

        for done in range(trials):
            if done and time.monotonic() - started > minutes * 60:
                break
            study.optimize(objective, n_trials=1)
            step(f"best PR-AUC {study.best_value:.4f}, this one {study.trials[-1].value:.4f}")
        new = [t for t in study.trials[before:] if t.value is not None]
        run_id = _log(tracker, params, digest, study, new)
    best = study.best_trial
    first = value_of(study, present(params))
    changed = first is not None and best.value > first
    if changed:
        write_candidate(path, best.params)
    return Summary(
        "tune",
        {"trials": len(new)},
        [store, *([path] if changed else [])],
        {
            "before": None if first is None else round(first, 4),
            "best": round(best.value, 4),
            "rounds": best.user_attrs["rounds"],
            **{name: rounded(best.params[name]) for name in SPACE},
            "parameters": f"written to {path}; `dvc repro` trains with them"
            if changed
            else "stay as they are",
            "mlflow_run": run_id,
        },
    )


def prepare(params: Params) -> tuple[str, Score]:
    """Read the training rows once.

    Returns
    -------
    tuple of str and callable
        The table's digest, and the validation PR-AUC with the number of rounds for parameters.
    """
    contract = dataset_contract(params)
    with engine.connect(params) as con:
        table = held(con, scan(con, contract, params), params)
        data = read_data(con, table, split_days(rows_per_day(table), params), params)
    features = model_features(params)
    encoding = fit_encoding(data.fit.columns, features, "tree")
    matrix = encoding.encode(data.fit.columns)

    def score(tried: Params) -> tuple[float, int]:
        rounds, facts = best_rounds(data.fit, matrix, encoding, features, tried)
        return float(facts["validation_pr_auc"]), rounds

    return table_digest(contract.path(params)), score


def present(params: Params) -> dict[str, Any]:
    """The present parameters as a trial; those outside of the space enter at its border."""
    tree = params.training.candidate.model_dump()
    return {name: type(tree[name])(np.clip(tree[name], *SPACE[name][:2])) for name in SPACE}


def value_of(study: Any, chosen: Mapping[str, Any]) -> float | None:
    """What a finished trial with these parameters reached; None when there is none."""
    wanted = {name: rounded(value) for name, value in chosen.items()}
    for trial in study.trials:
        tried = {name: rounded(value) for name, value in trial.params.items()}
        if trial.value is not None and tried == wanted:
            return float(trial.value)
    return None


def with_candidate(params: Params, chosen: Mapping[str, Any]) -> Params:
    """Parameters with other boosted trees; the number of rounds is always searched."""
    tree = params.training.candidate.model_dump() | dict(chosen) | {"rounds": None}
    training = params.training.model_copy(update={"candidate": Candidate.model_validate(tree)})
    return params.model_copy(update={"training": training})


def _suggest(trial: Any, name: str) -> float | int:
    low, high, log = SPACE[name]
    if isinstance(getattr(Candidate(), name), int):
        return int(trial.suggest_int(name, int(low), int(high), log=log))
    return rounded(float(trial.suggest_float(name, low, high, log=log)))


def rounded(value: float | int) -> float | int:
    """A number as it is tried and written: whole, or with `SIGNIFICANT` digits."""
    return float(f"{value:.{SIGNIFICANT}g}") if isinstance(value, float) else value


def study_name(params: Params, digest: str) -> str:
    """Name of the study: what makes two values comparable."""
    searched = params.training.model_dump(mode="json", exclude={"candidate", "baseline"})
    kept = params.training.candidate.model_dump(mode="json", exclude={*SPACE, "rounds"})
    about = repr((digest, searched, kept, params.churn.model_dump(mode="json"), dict(SPACE)))
    return hashlib.sha256(about.encode()).hexdigest()[:16]


def write_candidate(path: Path, chosen: Mapping[str, Any]) -> None:
    """Change ``training.candidate`` in a parameter file; comments and order stay.

    Raises
    ------
    ParamsError
        The file has no section ``training``.
    """
    from io import StringIO

    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(type(None), _null)
    tree = yaml.load(path.read_text(encoding="utf-8"))
    if not isinstance(tree, dict) or not isinstance(tree.get("training"), dict):
        raise ParamsError(f"{path} has no section 'training' to write to")
    section = tree["training"].setdefault("candidate", {})
    for name in SPACE:
        section[name] = rounded(chosen[name])
    # The number of rounds was searched with each of them; a fixed one was for other parameters.
    if section.get("rounds") is not None:
        section["rounds"] = None
    text = StringIO()
    yaml.dump(tree, text)
    write_text(path, text.getvalue())


def _null(representer: Any, _: None) -> Any:
    """Write what is not given as `null`, as the file does, not as nothing."""
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _log(tracker: Tracker, params: Params, digest: str, study: Any, new: list[Any]) -> str:
    """One run for the search, one below it for each new trial."""
    dataset = {
        "name": "training_dataset",
        "digest": digest,
        "path": str(dataset_contract(params).path(params)),
    }

    def told(name: str, trial: Any, tags: Mapping[str, str]) -> Run:
        return Run(
            name=name,
            params={key: str(value) for key, value in trial.params.items()},
            metrics={"validation_pr_auc": trial.value, "rounds": trial.user_attrs["rounds"]},
            tags={"stage": "tune", "study": study.study_name, "metric": METRIC, **tags},
            artifacts=[],
            dataset=dataset,
        )

    parent = tracker.log(told("tune lightgbm", study.best_trial, {}))
    for trial in new:
        tracker.log(told(f"trial {trial.number}", trial, {"mlflow.parentRunId": parent}))
    return parent
