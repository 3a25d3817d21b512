"""List the modules that each stage's command imports from the project, as dvc.yaml declares them.

Usage: python scripts/code_of_stages.py            prints the `deps` of code, stage by stage
       python scripts/code_of_stages.py --write    puts them into dvc.yaml

What only carries parameters, errors and progress is left out: it decides no output.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "churn_mlops"
PLUMBING = ("params", "errors", "progress", "summary", "__init__")
STAGES = {
    "generate_data": "data/generate_data.py",
    "validate_data": "data/validate.py",
    "prepare_data": "data/prepare_dataset.py",
    "build_features": "features/build_features.py",
    "build_labels": "training/build_labels.py",
    "build_training_set": "training/build_training_set.py",
    "train_baseline": "training/train_baseline.py",
    "train_candidate": "training/train_candidate.py",
    "promote_model": "registry/promote_model.py",
    "batch_score": "inference/batch_score.py",
}


def imported(path: Path) -> set[Path]:
    """Modules of the project that a module imports, anywhere in it."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("churn_mlops"):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("churn_mlops")]
        for name in names:
            base = PACKAGE.joinpath(*name.split(".")[1:])
            for candidate in (base.with_suffix(".py"), base / "__init__.py"):
                if candidate.exists() and candidate != PACKAGE / "__init__.py":
                    found.add(candidate)
    return found


def code(stage: str) -> list[str]:
    """The `deps` of a stage: modules it reaches; `tables` as the folder that it is."""
    todo, seen = [PACKAGE / STAGES[stage]], set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        todo += imported(path)
    listed = set()
    for path in seen:
        parts = path.relative_to(PACKAGE).parts
        if Path(parts[0]).stem in PLUMBING or parts[-1] == "__init__.py":
            continue
        listed.add("src/churn_mlops/" + ("tables" if parts[0] == "tables" else "/".join(parts)))
    return sorted(listed)


def rewritten(text: str) -> str:
    """The text of dvc.yaml with each stage's code as it is imported now."""
    for stage in STAGES:
        begin = re.search(rf"^  {stage}:$", text, re.MULTILINE)
        if begin is None:
            raise SystemExit(f"dvc.yaml has no stage {stage}")
        end = re.compile(r"^(  \w+:|\w+:)$", re.MULTILINE).search(text, begin.end())
        stop = end.start() if end else len(text)
        body = text[begin.end() : stop]
        lines = [f"      - {path}\n" for path in code(stage)]
        old = re.compile(r"(^      - src/churn_mlops/\S+\n)+", re.MULTILINE)
        text = text[: begin.end()] + old.sub("".join(lines), body, count=1) + text[stop:]
    return text


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        place = ROOT / "dvc.yaml"
        place.write_text(rewritten(place.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        for name in STAGES:
            print(name, *(f"      - {path}" for path in code(name)), sep="\n")
