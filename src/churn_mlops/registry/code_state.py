"""Which code is at work: the commit, what was changed since, and a digest of the package itself."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import churn_mlops

# What decides a model besides data and parameters, which are recorded as they are.
CODE = ("src", "scripts", "dvc.yaml")
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class CodeState:
    """The code of a workspace.

    Parameters
    ----------
    commit : str or None
        40 digits; None outside of git.
    dirty : bool or None
        Whether code differs from the commit; parameters and data do not count.
    changed : tuple of str
        The paths that do, relative to the workspace.
    prefix : str
        Where the workspace lies in its repository, such as ``churn/``; empty at the top.
    sha256 : str
        Of the package that runs, wherever it was installed from.
    why : str or None
        Why there is no commit.
    """

    commit: str | None
    dirty: bool | None
    changed: tuple[str, ...]
    prefix: str
    sha256: str
    why: str | None = None


def code_state(root: Path) -> CodeState:
    """Look at a workspace; without git or without a commit, the digest alone is known."""
    digest = folder_digest(Path(churn_mlops.__file__).parent)
    try:
        commit = git(root, "rev-parse", "--verify", "HEAD").strip()
        prefix = git(root, "rev-parse", "--show-prefix").strip()
        # Only the code: a look at the data of a large workspace would take its time.
        status = git(root, "status", "--porcelain", "-z", "--no-renames", "--", *CODE)
    except (OSError, subprocess.SubprocessError) as error:
        return CodeState(None, None, (), "", digest, _why(error))
    changed = tuple(line[3:].removeprefix(prefix) for line in status.split("\0") if line)
    return CodeState(commit, bool(changed), changed, prefix, digest)


def git(folder: Path, *arguments: str) -> str:
    """Ask git and return what it prints.

    Raises
    ------
    OSError
        There is no git.
    subprocess.SubprocessError
        It refuses or takes too long.
    """
    done = subprocess.run(  # noqa: S603 (no shell)
        ["git", *arguments],  # noqa: S607 (the user's git)
        cwd=folder,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=True,
    )
    return done.stdout


def folder_digest(folder: Path) -> str:
    """SHA-256 of a folder's files with their names; what Python compiles does not count."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            whole.update(f"{digest}  {path.relative_to(folder).as_posix()}\n".encode())
    return whole.hexdigest()


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = str(error.stderr).strip().splitlines()
        said = lines[0] if lines else "git refuses"
        return "the repository has no commit yet" if "single revision" in said else said
    return "git takes too long" if isinstance(error, subprocess.TimeoutExpired) else "no git"
