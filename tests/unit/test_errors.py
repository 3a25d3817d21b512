"""The tree of errors and its exit codes."""

from __future__ import annotations

from churn_mlops import errors


def branches() -> list[type[errors.ChurnError]]:
    return [errors.ChurnError, *errors.ChurnError.__subclasses__()]


def test_every_branch_has_an_exit_code_of_its_own() -> None:
    codes = [branch.exit_code for branch in branches()]
    assert len(codes) == len(set(codes))
    assert not set(codes) & {0, 2, 3}


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    for branch in branches():
        assert f"{branch.__name__}" in (errors.__doc__ or "")
        assert str(branch.exit_code) in (errors.__doc__ or "")


def test_the_fix_stands_on_a_line_of_its_own() -> None:
    assert str(errors.SourceError("gone", fix="bring it")) == "gone\n  fix: bring it"
    assert str(errors.SourceError("gone")) == "gone"


def test_a_contract_error_carries_its_check() -> None:
    error = errors.ContractError("no column", check="CHN101")
    assert error.check == "CHN101"
    assert str(error) == "CHN101: no column"
