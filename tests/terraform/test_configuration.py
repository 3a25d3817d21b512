"""The configuration is well-formed, its own tests pass, and test each rule of a variable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.terraform.checkout import SOURCE, Checkout, checkout

FILES = sorted(p for p in SOURCE.rglob("*.tf") if ".terraform" not in p.parts)
VARIABLE = re.compile(r'^variable "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
OUTPUT = re.compile(r'^output "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
ROOT_VARIABLES = {
    name: body
    for path in sorted(SOURCE.glob("variables*.tf"))
    for name, body in VARIABLE.findall(path.read_text())
}
RUNS = (SOURCE / "tests/variables.tftest.hcl").read_text()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return checkout(tmp_path_factory.mktemp("configuration") / "terraform")


def test_it_is_formatted() -> None:
    assert Checkout(SOURCE).run("fmt", "-check", "-recursive") == ""


def test_it_is_valid(here: Checkout) -> None:
    assert "valid" in here.run("validate")


def test_what_is_not_formatted_or_valid_is_found(tmp_path: Path) -> None:
    bad = Checkout(tmp_path)
    (tmp_path / "main.tf").write_text('output "x" {\nvalue=var.missing\n}\n')
    assert bad.ends("fmt", "-check").returncode == 3
    bad.run("init")
    assert "undeclared input variable" in bad.ends("validate").stderr


def test_its_own_tests_pass(here: Checkout) -> None:
    told = here.run("test")
    assert re.search(r"Success! \d{2,} passed, 0 failed", told)


@pytest.mark.parametrize(
    ("file", "safe", "unsafe"),
    [
        ("storage/main.tf", "block_public_policy     = true", "block_public_policy     = false"),
        ("cluster/nodes.tf", "hop_limit = 1", "hop_limit = 2"),
        ("identity/main.tf", "sts.amazonaws.com", "sts.example.com"),
        ("registry/main.tf", '"IMMUTABLE"', '"MUTABLE"'),
        ("database/main.tf", "publicly_accessible    = false", "publicly_accessible    = true"),
    ],
)
def test_its_own_tests_find_what_is_unsafe(
    tmp_path: Path, file: str, safe: str, unsafe: str
) -> None:
    broken = checkout(tmp_path / "terraform")
    path = broken.folder / "modules" / file
    assert safe in path.read_text()
    path.write_text(path.read_text().replace(safe, unsafe))
    module = file.partition("/")[0]
    done = broken.ends("test", f"-filter=tests/{module}.tftest.hcl")
    assert done.returncode == 1
    assert "Test assertion failed" in done.stderr + done.stdout


def test_every_variable_has_a_type_and_a_description() -> None:
    found = [(path, *one) for path in FILES for one in VARIABLE.findall(path.read_text())]
    assert len(found) > 40
    for path, name, body in found:
        assert re.search(r"^  type += ", body, re.MULTILINE), (path, name)
        assert re.search(r'^  description += "\w', body, re.MULTILINE), (path, name)
    for path in FILES:
        for name, body in OUTPUT.findall(path.read_text()):
            assert re.search(r'^  description += "\w', body, re.MULTILINE), (path, name)


def test_every_rule_of_a_variable_is_tested() -> None:
    """As many runs expect a failure of a variable as it has rules, at least."""
    for name, body in ROOT_VARIABLES.items():
        rules = len(re.findall(r"^  validation \{", body, re.MULTILINE))
        tested = len(re.findall(rf"expect_failures = \[var\.{name}\]", RUNS))
        assert tested >= rules, name
        if not re.search(r"^  type += bool", body, re.MULTILINE):
            assert rules, f"{name} takes anything"


def test_nothing_of_the_tests_or_of_a_state_is_in_the_product() -> None:
    assert not [path for path in FILES if path.name.endswith("override.tf")]
    for path in FILES:
        assert not re.search(r"moto|skip_credentials|endpoints|access_key", path.read_text()), path


def test_the_example_names_variables_that_there_are() -> None:
    text = (SOURCE / "terraform.tfvars.example").read_text()
    named = set(re.findall(r"^(?:# )?(\w+) += ", text, re.MULTILINE))
    assert len(named) > 8
    assert named <= set(ROOT_VARIABLES)
