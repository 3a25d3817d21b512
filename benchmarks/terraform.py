"""How long Terraform's part takes: apply, a second plan and destroy against a server of moto.

    python benchmarks/terraform.py --rounds 3

The defaults in an account with nothing in it, each time. AWS itself takes longer: a cluster alone
ten minutes. Needs what tests/terraform needs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import workspace

sys.path.insert(0, str(workspace.ROOT))

from tests.terraform import aws
from tests.terraform.building import FAST
from tests.terraform.checkout import Checkout, checkout

STEPS = {
    "apply": ("apply", "-auto-approve", *FAST),
    "second plan": ("plan", "-detailed-exitcode", *FAST),
    "destroy": ("destroy", "-auto-approve", *FAST),
}


def timed(here: Checkout, *arguments: str) -> float:
    """Seconds that a command of Terraform takes."""
    began = time.monotonic()
    here.run(*arguments)
    return time.monotonic() - began


def main() -> None:
    """Print a line for each round, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(workspace.machine())
    rounds: list[dict[str, float]] = []
    for n in range(asked.rounds):
        with tempfile.TemporaryDirectory() as name, aws.running(Path(name) / "log") as account:
            here = checkout(Path(name) / "terraform")
            (here.folder / "provider_override.tf").write_text(account.override())
            rounds.append({})
            for step, arguments in STEPS.items():
                rounds[-1][step] = timed(here, *arguments)
                if step == "apply":
                    built = [line for line in here.run("state", "list").splitlines() if line]
        made = [line for line in built if ".data." not in line and not line.startswith("data.")]
        told = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in rounds[-1].items())
        print(f"round {n + 1}: {len(made)} resources, {told}")
    for step in STEPS:
        print(f"median {step}: {statistics.median(one[step] for one in rounds):.1f} s")


if __name__ == "__main__":
    main()
