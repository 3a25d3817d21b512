"""No secret is kept, wherever it stands; the rest stays as it was written."""

from __future__ import annotations

import pytest
import yaml

from churn_mlops.params import Params
from churn_mlops.registry.masks import mask_lock, mask_logins, mask_params, mask_tree

URL = "postgresql://reader:s3cret@db.example.org/portal"
PLAIN = """\
# All knobs: größer als nötig 😀
data:
  source: sql
  sql: {url: null, users: users}   # nowhere yet
serving:
  api_keys: []
tracking:
  uri: sqlite:///mlflow.db
"""
SECRET = f"""\
# Müller's 😀 old one: mysql://root:hunter2@old/x
data:
  sql:
    url: "{URL}"   # not {URL}!
    users: users
monitoring:
  alert:
    webhook: https://hooks.example.org/T0KEN
    slack: 'https://hooks.example.org/SL4CK'
serving:
  api_keys: [k3y-one, "k3y-two"]
tracking:
  uri: postgresql://mlflow:p%40ss@db/mlflow
"""
WORDS = ("s3cret", "hunter2", "T0KEN", "SL4CK", "k3y", "p%40ss", "mlflow:p")


def test_a_text_without_secrets_stays_byte_for_byte() -> None:
    assert mask_params(PLAIN) == PLAIN
    assert mask_params("") == ""


def test_secrets_go_from_values_and_comments() -> None:
    masked = mask_params(SECRET)
    assert not [word for word in WORDS if word in masked]
    tree = yaml.safe_load(masked)
    assert tree["data"]["sql"] == {"url": "***", "users": "users"}
    assert tree["tracking"]["uri"] == "postgresql://***@db/mlflow"
    assert "Müller's 😀" in masked
    Params.model_validate(tree | {"serving": {"api_keys": ()}})


@pytest.mark.parametrize("style", ["|\n      {}\n", ">-\n      {}\n", "'{}'\n", "{}\n"])
def test_any_way_of_writing_is_masked(style: str) -> None:
    text = "data:\n  sql:\n    url: " + style.format(URL) + "    users: u\n"
    masked = mask_params(text)
    assert "s3cret" not in masked
    assert yaml.safe_load(masked) == {"data": {"sql": {"url": "***", "users": "u"}}}


def test_the_parameters_that_dvc_repeats_are_masked() -> None:
    lock = f"""\
schema: '2.0'
stages:
  generate_data:
    cmd: x
    params:
      params.yaml:
        data:
          sql:
            url: {URL}
  other:
    params:
      params.yaml:
        data.sql.url: plain-s3cret
        data.sql:
          url:
"""
    masked = mask_lock(lock)
    assert "s3cret" not in masked
    stages = yaml.safe_load(masked)["stages"]
    assert stages["generate_data"]["params"]["params.yaml"]["data"]["sql"]["url"] == "***"
    assert stages["other"]["params"]["params.yaml"]["data.sql"] == {"url": None}
    assert mask_lock(masked) == masked


def test_effective_parameters_are_masked() -> None:
    over = {"data": {"sql": {"url": URL}}, "serving": {"api_keys": ("k3y",)}}
    masked = mask_tree(Params.model_validate(over).model_dump(mode="json"))
    assert masked["data"]["sql"]["url"] == "***"
    assert masked["serving"]["api_keys"] == []
    assert masked["churn"] == Params().model_dump(mode="json")["churn"]


def test_only_logins_are_taken_for_logins() -> None:
    for text in ("https://example.org/?to=a@example.org", "a@b", "s3://bucket/x@y"):
        assert mask_logins(text) == text
    assert mask_logins("x=http://u:p@h/ http://t@h") == "x=http://***@h/ http://***@h"
