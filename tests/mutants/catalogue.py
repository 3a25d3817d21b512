"""Faults to plant, and the tests that must notice each.

Each mutant is one replacement in one module of the kind that went unnoticed elsewhere: inverted
labels, a horizon of one day, a gate that lets everything through, scores that belong to the
wrong users.
"""

from __future__ import annotations

from typing import NamedTuple

LABELS = "tests/unit/training/test_build_labels.py"
FEATURES = "tests/unit/features/test_build_features.py"
ELIGIBLE = "tests/unit/features/test_eligibility.py"
SPLIT = "tests/unit/training/test_split.py"
GATE = "tests/unit/data/test_bad_input.py tests/unit/data/test_validate.py"
CLOSED_GATE = "tests/unit/data/test_bad_input.py::test_too_many_bad_rows_close_the_gate"
DAY_GATE = "tests/unit/data/test_day_gate.py"
BAD_DAYS = "tests/unit/data/test_bad_days.py"
RETRAIN = "tests/unit/monitoring/test_retrain_checks.py"
SCORE = "tests/unit/inference/test_batch_score.py"
PROMOTION = "tests/unit/registry/test_gate.py"
SERVED = "tests/unit/api/test_served.py"
STORE = "tests/unit/api/test_model_cache.py tests/unit/api/test_model_store.py"
LIMIT = "tests/unit/api/test_rate_limit.py"
DOOR = "tests/unit/api/test_door.py"
LOGISTIC = "tests/unit/training/test_logistic.py"
PUBLISHED = "tests/unit/monitoring/test_publish.py tests/unit/monitoring/test_stage_metrics.py"
BOARD = "tests/unit/monitoring/test_gauges.py"
STRUCTURE = "tests/unit/monitoring/test_structure.py"
TRIGGERS = "tests/unit/monitoring/test_triggers.py"
PROMISES = "tests/unit/monitoring/test_performance.py"
PROXY = "tests/unit/monitoring/test_score_proxy.py"
KEPT = "tests/unit/inference/test_kept.py"
MODELS = "tests/unit/api/test_model_store.py"
LATE = "tests/unit/data/test_ingest_late_rows.py"
GROWTH = "tests/unit/tables/test_growth.py"
DRIFT = "tests/unit/monitoring/test_drift.py"
LOCK = "tests/unit/loop/test_lock.py::test_a_holder_that_is_alive_is_not_waited_for"
HOLDER = "tests/unit/loop/test_lock.py::test_nothing_stays_of_what_a_killed_holder_told_of_itself"
STATE = "tests/unit/monitoring/test_state_metrics.py"
PROBATION = "tests/unit/monitoring/test_probation.py"
DURABLE = "tests/unit/test_durability.py"
USERS = "tests/unit/inference/test_user_store.py"
LISTS = "tests/unit/api/test_list_follower.py"
FILES = "tests/unit/test_files.py"
ARRIVALS = "tests/unit/data/test_arrivals.py"
GRID = "tests/unit/data/test_prepare_dataset.py"
GRID_DAY = "tests/unit/data/test_prepare_day.py::test_rows_begun_before_the_sign_up_go_on"


class Mutant(NamedTuple):
    """A replacement in a module below `src/churn_mlops/` and the tests that must fail."""

    module: str
    old: str
    new: str
    tests: str


MUTANTS = {
    "labels inverted": Mutant(
        "training/build_labels.py", "future_active_days == 0", "future_active_days != 0", LABELS
    ),
    "horizon of one day": Mutant(
        "training/build_labels.py", "lead(params.churn.window_days)", "lead(1)", LABELS
    ),
    "horizon a day short": Mutant(
        "training/build_labels.py",
        "lead(params.churn.window_days)",
        "lead(params.churn.window_days - 1)",
        LABELS,
    ),
    "the day itself counts as future": Mutant(
        "training/build_labels.py", "later - running.active", "later - running.active + 1", LABELS
    ),
    "immature rows get labels": Mutant(
        "training/build_labels.py",
        "future_active_days=later - running.active",
        "future_active_days=later.fill_null(0.0) - running.active",
        LABELS,
    ),
    "labels of all users together": Mutant(
        "training/build_labels.py",
        'by_day = ibis.window(group_by="user_id", order_by="as_of_date")',
        'by_day = ibis.window(order_by="as_of_date")',
        LABELS,
    ),
    "training rows that are not eligible": Mutant(
        "features/eligibility.py",
        "features.filter(features.is_eligible == 1)",
        "features.filter(features.is_eligible >= 0)",
        "tests/unit/training/test_build_training_set.py",
    ),
    "label of another day": Mutant(
        "training/build_training_set.py",
        'rows.join(label, ["user_id", "as_of_date"])',
        'rows.join(label.drop("as_of_date"), ["user_id"])',
        "tests/unit/training/test_build_training_set.py",
    ),
    "features see tomorrow": Mutant(
        "features/build_features.py",
        'so_far = ibis.window(group_by="user_id", order_by="as_of_date", following=0)',
        'so_far = ibis.window(group_by="user_id", order_by="as_of_date", following=1)',
        FEATURES,
    ),
    "window a day long": Mutant(
        "features/build_features.py", "run.lag(window)", "run.lag(window + 1)", FEATURES
    ),
    "windows reach over users": Mutant(
        "features/build_features.py",
        'by_day = ibis.window(group_by="user_id", order_by="as_of_date")',
        'by_day = ibis.window(order_by=["user_id", "as_of_date"])',
        FEATURES,
    ),
    "mean over days without a value": Mutant(
        "features/build_features.py",
        'daily[name].notnull().cast("float64")',
        '(daily.total_events >= 0).cast("float64")',
        FEATURES,
    ),
    "weekend on Monday": Mutant(
        "features/build_features.py",
        "day_of_week.index() >= 5",
        "day_of_week.index() <= 1",
        FEATURES,
    ),
    "static columns of another user": Mutant(
        "features/build_features.py",
        'flagged.join(static, "user_id")',
        "flagged.join(static.mutate(user_id=static.user_id + 1), 'user_id')",
        FEATURES,
    ),
    "active window a day long": Mutant(
        "features/eligibility.py", 'unit="day") < within', 'unit="day") <= within', ELIGIBLE
    ),
    "never active is eligible": Mutant(
        "features/eligibility.py",
        "return rule.fill_null(False)",
        "return rule.fill_null(True) | last_active.isnull()",
        ELIGIBLE,
    ),
    "subscription may end before the horizon": Mutant(
        "features/eligibility.py",
        "days_left >= params.churn.window_days",
        "days_left >= 0",
        ELIGIBLE,
    ),
    "rows before sign-up": Mutant(
        "data/prepare_dataset.py",
        "grid.filter(grid.as_of_date >= grid.begin)",
        "grid.filter(grid.as_of_date >= grid.as_of_date)",
        FEATURES,
    ),
    "any event makes a day active": Mutant(
        "data/prepare_dataset.py",
        "kind.isin(active).cast",
        "kind.notnull().cast",
        FEATURES,
    ),
    "sums over all event types": Mutant(
        "data/prepare_dataset.py",
        "return value if types is None else kind.isin(types)",
        "return value if types else kind.isin(types)",
        FEATURES,
    ),
    "training labels look into the test days": Mutant(
        "training/split.py",
        "first_test - timedelta(days=embargo + 1)",
        "first_test - timedelta(days=embargo)",
        SPLIT,
    ),
    "no embargo at all": Mutant(
        "training/split.py",
        "first_test - timedelta(days=embargo + 1)",
        "first_test - timedelta(days=1)",
        SPLIT,
    ),
    "test days from the beginning": Mutant(
        "training/split.py",
        "return last - timedelta(days=test_days - 1), last",
        "return first, first + timedelta(days=test_days - 1)",
        SPLIT,
    ),
    "train_end is ignored": Mutant(
        "training/split.py",
        "last_train = min(last_train, training.train_end)",
        "last_train = max(last_train, training.train_end)",
        SPLIT,
    ),
    "snapshots every day": Mutant("training/split.py", "% every == 0", "% every >= 0", SPLIT),
    "one class is enough": Mutant(
        "training/split.py", "if churned in (0, len(labels)):", "if churned < 0:", SPLIT
    ),
    "class weights distort the probabilities": Mutant(
        "training/logistic.py", "intercept += float(np.log(share / (1 - share)))", "pass", LOGISTIC
    ),
    "the gate never closes": Mutant(
        "data/validate.py", "if closed:", "if closed and not verdicts:", CLOSED_GATE
    ),
    "the gate of a day never closes": Mutant(
        "data/day_gate.py", "if one.share > share", "if one.share > 1", DAY_GATE
    ),
    "a bad day spoils only itself": Mutant(
        "data/bad_days.py", "for n in range(first, longest)", "for n in range(1)", BAD_DAYS
    ),
    "drift trains at once": Mutant(
        "monitoring/retrain_checks.py",
        "if _sound(since - timedelta(days=1), last, bad)[0]:",
        "if last:",
        RETRAIN,
    ),
    "a fault of the source is learned from": Mutant(
        "monitoring/quarantine.py",
        'if finding.upstream and finding.level == "FAIL":',
        "if not finding:",
        "tests/unit/monitoring/test_quarantine.py",
    ),
    "every row is good": Mutant(
        "data/check_rows.py",
        "check=first([fault for fault in faults if fault[0] not in quiet])",
        "check=first([])",
        GATE,
    ),
    "bad rows reach the clean tables": Mutant(
        "data/check_rows.py",
        "checked.filter(checked.check.isnull())",
        "checked.filter(checked.check.isnull() | checked.check.notnull())",
        f"{GATE} tests/unit/data/test_prepare_dataset.py",
    ),
    "duplicates stay": Mutant(
        "data/check_rows.py", "(numbered.place > 0)", "(numbered.place < 0)", GATE
    ),
    "future dates stay": Mutant(
        "data/check_rows.py",
        '("CHN122", day > ibis.date(last_day))',
        '("CHN122", day < ibis.date(last_day) - ibis.interval(days=99999))',
        GATE,
    ),
    "unknown users stay": Mutant(
        "data/check_rows.py",
        '("CHN120", table.known.isnull()),\n        ("CHN121"',
        '("CHN120", table.known != table.known),\n        ("CHN121"',
        GATE,
    ),
    "scores belong to the wrong users": Mutant(
        "inference/batch_score.py",
        '"churn_risk", pa.array(risks)',
        '"churn_risk", pa.array(np.roll(risks, 1))',
        SCORE,
    ),
    "the safest come first": Mutant(
        "inference/batch_score.py", "table.churn_risk.desc()", "table.churn_risk.asc()", SCORE
    ),
    "ties fall as they come": Mutant(
        "inference/batch_score.py",
        "order_by(table.churn_risk.desc(), table.user_id)",
        "order_by(table.churn_risk.desc(), table.user_id.desc())",
        SCORE,
    ),
    "everybody is contacted": Mutant(
        "inference/batch_score.py",
        "size = list_size(risks, params.scoring)",
        "size = len(risks)",
        SCORE,
    ),
    "who is left alone is contacted": Mutant(
        "inference/batch_score.py", "HOLD_OUT if alone else CONTACT", "CONTACT", SCORE
    ),
    "who would have stayed costs nothing": Mutant(
        "inference/decision.py",
        "risks * _won(value) - (1 - risks) * _lost(value)",
        "risks * _won(value)",
        "tests/unit/inference/test_decision.py",
    ),
    "the budget is no bound": Mutant(
        "inference/decision.py",
        "spent <= scoring.value.budget",
        "spent >= 0 * scoring.value.budget",
        "tests/unit/inference/test_decision.py",
    ),
    "contributions of the other sign": Mutant(
        "inference/tree_tables.py",
        "value * (fulfilled - ratios[:, None])",
        "value * (ratios[:, None] - fulfilled)",
        "tests/unit/inference/test_tree_tables.py",
    ),
    "reasons of another model": Mutant(
        "inference/explain.py",
        "if not gap <= SUM_TOLERANCE:",
        "if not gap <= 2:",
        "tests/unit/inference/test_explain.py",
    ),
    "calibrated on users that were fitted": Mutant(
        "training/data.py",
        "train_rows.where(~aside)",
        "train_rows",
        "tests/unit/training/test_data.py tests/unit/training/test_train.py",
    ),
    "calibration folds share users": Mutant(
        "training/calibrate.py",
        "return fold[place]",
        "return np.arange(len(place)) % count",
        "tests/unit/training/test_calibrate.py",
    ),
    "no embargo before the validation days": Mutant(
        "training/split.py",
        'days + np.timedelta64(params.churn.window_days, "D") < first_validation',
        "days < first_validation",
        SPLIT,
    ),
    "rows are drawn instead of users": Mutant(
        "training/bootstrap.py",
        "ids, self.place = np.unique(users, return_inverse=True)",
        "ids, self.place = users, np.arange(len(users))",
        "tests/unit/training/test_bootstrap.py",
    ),
    "the exported model is not compared": Mutant(
        "training/model.py",
        "if not gap <= PARITY:",
        "if not gap <= 2:",
        "tests/unit/training/test_model.py tests/unit/training/test_train.py",
    ),
    "the future check compares nothing": Mutant(
        "features/future_check.py",
        "if not same:",
        "if same is None:",
        "tests/unit/features/test_future_check.py",
    ),
    "a gain by chance is enough": Mutant(
        "registry/gate.py", "bool(low > promotion.margin)", "bool(new > old)", PROMOTION
    ),
    "the gate looks away from calibration": Mutant(
        "registry/gate.py", "bool(new - old <= limit)", "True", PROMOTION
    ),
    "the gate looks away from slices": Mutant(
        "registry/gate.py", "bool(drops[worst] >= -limit)", "True", PROMOTION
    ),
    "few rows are enough": Mutant(
        "registry/gate.py",
        "rows >= least.min_rows and users >= least.min_users",
        "True",
        PROMOTION,
    ),
    "the ledger forgets the line before": Mutant(
        "registry/ledger.py",
        "if (entry.n, entry.previous) != (number, previous):",
        "if entry.n != number:",
        "tests/unit/registry/test_ledger.py",
    ),
    "a bundle without its digests": Mutant(
        "registry/bundle.py",
        "if hashlib.sha256(contents[name]).hexdigest() != digest:",
        "if not digest:",
        "tests/unit/registry/test_bundle.py",
    ),
    "who left is scored": Mutant(
        "inference/batch_score.py",
        "rows = eligible(features.filter(features.as_of_date == ibis.literal(day)), params)",
        'rows = features.filter(features.as_of_date == ibis.literal(day)).drop("is_eligible")',
        SCORE,
    ),
    "all days are scored": Mutant(
        "inference/batch_score.py",
        "features.filter(features.as_of_date == ibis.literal(day))",
        "features.filter(features.as_of_date >= ibis.literal(day))",
        SCORE,
    ),
    "a model answers without its golden rows": Mutant(
        "api/served.py", "if not gap <= GOLDEN_TOLERANCE:", "if gap < 0:", SERVED
    ),
    "a gap that is left out is not told": Mutant(
        "api/served.py", "return absent + [", "return [", SERVED
    ),
    "another model than was named answers": Mutant(
        "api/model_cache.py", "if bundle.digest != named.digest:", "if False:", STORE
    ),
    "a refused model is tried at every look": Mutant(
        "api/model_store.py", "time.monotonic() < past.until", "False", STORE
    ),
    "the limit lets a burst more in": Mutant(
        "api/rate_limit.py", "(burst - 1) * self._gap", "burst * self._gap", LIMIT
    ),
    "requests under way are never done": Mutant(
        "api/door.py", "self._inside -= 1", "self._inside -= 0", DOOR
    ),
    "a failed run moves the last success": Mutant(
        "monitoring/stage_metrics.py", "    if run.worked:", "    if True:", PUBLISHED
    ),
    "a failed run loses the last success in its file": Mutant(
        "monitoring/publish.py", "if not run.worked:", "if run.worked:", PUBLISHED
    ),
    "a damaged file is not told": Mutant(
        "monitoring/publish.py", "+ state.problems", "+ []", PUBLISHED
    ),
    "what is no number is published": Mutant(
        "monitoring/gauges.py", "if not isfinite(value):", "if False:", BOARD
    ),
    "the newest truth is held to the floors of another model": Mutant(
        "monitoring/performance.py",
        "newest.realised, newest.promise",
        "newest.realised, now.promise",
        PROMISES,
    ),
    "bad luck with few users fails": Mutant(
        "monitoring/performance.py", ' and below(graded["value"], graded["low"])', "", PROMISES
    ),
    "users of poisoned days are the usual ones": Mutant(
        "monitoring/structure.py", "d not in clouded for d", "d != 0 for d", STRUCTURE
    ),
    "a change is learned once and never again": Mutant(
        "monitoring/triggers.py", "if age < settings.follow_up_days:", "if age:", TRIGGERS
    ),
    "the last day of the test is graded": Mutant(
        "monitoring/performance.py", "one.day <= bundle", "one.day < bundle", PROMISES
    ),
    "batches that share a label's day are two": Mutant(
        "monitoring/performance.py", '["below_days"] > window', '["below_days"] >= window', PROMISES
    ),
    "a list that nothing was promised about is the newest truth": Mutant(
        "monitoring/performance.py", "if e.promise and e.realised", "if e.realised", PROMISES
    ),
    "earlier batches of the same users count as many": Mutant(
        "monitoring/score_proxy.py", "len(earlier) // len(before)", "len(earlier)", PROXY
    ),
    "chance is that of the latest batch alone": Mutant(
        "monitoring/score_proxy.py", "len(earlier) // len(before)", "len(risks)", PROXY
    ),
    "a batch kept late means by churn what the parameters say": Mutant(
        "inference/kept.py", "batch.version, bundle.meta.label", "batch.version, params.churn", KEPT
    ),
    "two processes write to one file": Mutant("files.py", "{os.getpid()}.writing", "writing", KEPT),
    "any previous model will do": Mutant(
        "api/model_store.py",
        "if previous is not None and previous.named == named:",
        "if previous is not None:",
        MODELS,
    ),
    "the challenger of the start stays": Mutant(
        "api/model_store.py",
        "self.challenger is None or self.challenger.named != named",
        "self.challenger is None",
        MODELS,
    ),
    "the challenger's files are swept away": Mutant(
        "api/model_store.py",
        "held = [self.current, self.previous, self.challenger]",
        "held = [self.current, self.previous]",
        MODELS,
    ),
    "late rows a day too few": Mutant(
        "data/ingest.py",
        "timedelta(days=1 - params.data.late_days)",
        "timedelta(days=2 - params.data.late_days)",
        LATE,
    ),
    "late rows a day too many": Mutant(
        "data/ingest.py",
        "timedelta(days=1 - params.data.late_days)",
        "timedelta(days=-params.data.late_days)",
        LATE,
    ),
    "days without an ingest are not looked at": Mutant(
        "data/ingest.py",
        "before = min(held, as_of - timedelta(days=1))",
        "before = as_of - timedelta(days=1)",
        LATE,
    ),
    "a replay looks back from the watermark": Mutant(
        "data/ingest.py", "before = min(held, as_of - timedelta(days=1))", "before = held", LATE
    ),
    "a replay moves the watermark back": Mutant(
        "data/ingest.py", "as_of, max(held, as_of))", "as_of, as_of)", LATE
    ),
    "held rows of a delivery's last day are new": Mutant(
        "data/ingest.py", "(time < last + timedelta(days=1))", "(time < last)", LATE
    ),
    "users of earlier days are not asked for": Mutant(
        "data/deliveries.py",
        'first if name == "events" else None',
        "first",
        "tests/unit/data/test_deliveries.py",
    ),
    "days that late rows may change a day too few": Mutant(
        "tables/growth.py",
        "timedelta(days=1 - params.data.late_days)",
        "timedelta(days=2 - params.data.late_days)",
        GROWTH,
    ),
    "the classifier fails at the threshold of a warning": Mutant(
        "monitoring/drift.py", "joint.roc_auc >= settings.fail_auc", "warn", DRIFT
    ),
    "the classifier fails at the rate of a warning": Mutant(
        "monitoring/drift.py",
        '"FAIL" if fail and joint.roc_auc',
        '"FAIL" if warn and joint.roc_auc',
        DRIFT,
    ),
    "the classifier compares with the farthest group": Mutant(
        "monitoring/drift.py", "return min(tried, key", "return max(tried, key", DRIFT
    ),
    "columns are compared with the farthest group": Mutant(
        "monitoring/moved.py",
        "before, nearest = min(options",
        "before, nearest = max(options",
        DRIFT,
    ),
    "a living holder of the workspace is waited for like a killed one": Mutant(
        "loop/lock.py",
        'held is not None and not is_alive(int(held["pid"]))',
        "held is not None",
        LOCK,
    ),
    "a process that cannot be looked at has ended": Mutant(
        "processes.py",
        "except (OSError, IndexError):\n        return True",
        "except (OSError, IndexError):\n        return False",
        "tests/unit/test_processes.py",
    ),
    "what the holder before told of itself stays": Mutant(
        "loop/lock.py", "os.ftruncate(file, 0)\n        os.pwrite", "os.pwrite", HOLDER
    ),
    "waiting days one too few": Mutant(
        "monitoring/state_metrics.py",
        "(found.as_of_date - since).days + 1",
        "(found.as_of_date - since).days",
        STATE,
    ),
    "what would block is published while nothing waits": Mutant(
        "monitoring/state_metrics.py",
        "waits and one.binding and not one.passed",
        "one.binding and not one.passed",
        STATE,
    ),
    "a probation looks back a day too far": Mutant(
        "monitoring/probation.py", "-longest < ahead <= 0", "-longest <= ahead <= 0", PROBATION
    ),
    "outcomes reach a bad day at the end of the horizon": Mutant(
        "monitoring/probation.py", "0 < ahead <= days", "0 < ahead < days", PROBATION
    ),
    "an entry of the ledger is not synced": Mutant(
        "registry/ledger.py", "    os.fsync(file)\n", "", DURABLE
    ),
    "the name of a new ledger is not synced": Mutant(
        "registry/ledger.py", "_sync_folder(self.path.parent)", "pass", DURABLE
    ),
    "the user store is not synced": Mutant(
        "inference/user_store.py", "            _sync(beside)\n", "", USERS
    ),
    "the name of the user store is not synced": Mutant(
        "inference/user_store.py", "        _sync(path.parent)\n", "", USERS
    ),
    "the user store is not read back": Mutant(
        "inference/user_store.py", "written.check()", "pass", USERS
    ),
    "the file of predictions is not synced": Mutant(
        "api/prediction_file.py",
        "os.fsync(descriptor)",
        "pass",
        "tests/unit/api/test_prediction_file.py",
    ),
    "a file is copied into the place of the old one": Mutant(
        "files.py", "os.replace(beside, path)", "path.write_bytes(beside.read_bytes())", FILES
    ),
    "the list is copied into the place of the old one": Mutant(
        "api/list_follower.py",
        "os.replace(beside, self.path)",
        "self.path.write_bytes(beside.read_bytes())",
        LISTS,
    ),
    "a fetched list is not read through": Mutant(
        "api/list_follower.py", "users.check()", "pass", LISTS
    ),
    "the latest predictions are copied into the place of the old ones": Mutant(
        "inference/batch_score.py",
        "os.replace(beside, latest)",
        "latest.write_bytes(beside.read_bytes())",
        SCORE,
    ),
    "raw rows are copied into the file that is held": Mutant(
        "data/arrivals.py",
        "    new.unlink()\n    os.replace(writing, path)",
        "    new.unlink()\n    path.write_bytes(writing.read_bytes())",
        ARRIVALS,
    ),
    "what arrived is copied into the file that is held": Mutant(
        "tables/writer.py",
        "os.replace(writing, folder / name)",
        "(folder / name).write_bytes(writing.read_bytes())",
        ARRIVALS,
    ),
    "days since a sign-up that is yet to come are negative": Mutant(
        "data/prepare_dataset.py",
        'ibis.greatest(joined.as_of_date.delta(joined.signup_date, unit="day"), 0)',
        'joined.as_of_date.delta(joined.signup_date, unit="day")',
        GRID,
    ),
    "rows begin at sign-up whatever happened before": Mutant(
        "data/prepare_dataset.py",
        "started.signup_date, ibis.coalesce(started.first_event, started.signup_date)",
        "started.signup_date, started.signup_date",
        GRID,
    ),
    "idle users are not carried on": Mutant(
        "data/prepare_day.py",
        "before = None if present is None else part.of(present)",
        "before = None",
        GRID_DAY,
    ),
}
