"""A fresh copy of the workspace at a commit, with the data that DVC's remote has for it."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from churn_mlops.errors import ReproduceError
from churn_mlops.registry.code_state import git

_TOLD_LINES = 12
# Where a workspace keeps and finds data: not for the copy to share or to write to.
_LOCAL = ("cache", "db")


def clone(root: Path, commit: str, into: Path) -> None:
    """Clone the repository that a workspace belongs to and check a commit out.

    Raises
    ------
    ReproduceError
        The workspace is in no repository, or it lacks the commit.
    """
    try:
        top = git(root, "rev-parse", "--show-toplevel").strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise ReproduceError(
            f"{root} is in no git repository that could be cloned",
            fix="run this in a clone of the project's repository",
        ) from error
    run(root, ["git", "clone", "--quiet", "--no-checkout", top, str(into)], "clone the repository")
    try:
        # A clone has only what branches and tags lead to; the commit may have left them.
        run(into, ["git", "fetch", "--quiet", top, commit], "fetch the commit")
        run(into, ["git", "checkout", "--quiet", "--detach", commit], "check the commit out")
    except ReproduceError as error:
        raise ReproduceError(
            f"the repository {top} does not have the commit {commit}",
            fix="fetch it (`git fetch --all`), or run this in a clone that has it",
        ) from error


def copy_remotes(root: Path, to: Path, cache: Path | None) -> str:
    """Give a copy the workspace's DVC remotes, or one made of a cache folder.

    Parameters
    ----------
    root : Path
        The workspace.
    to : Path
        The copy; its ``.dvc/config.local`` is written.
    cache : Path or None
        A cache to use in the place of a remote. None: the workspace's remote or, without one, its
        cache.

    Returns
    -------
    str
        Where data comes from, for people.

    Raises
    ------
    ReproduceError
        There is neither.
    """
    config = _read(root / ".dvc" / "config", root / ".dvc" / "config.local")
    remote = config.get("core", "remote", fallback=None)
    if cache is None and remote is None:
        own = config.get("cache", "dir", fallback="cache")
        cache = (root / ".dvc" / own).resolve()
        source = f"the local cache {cache}, for want of a remote"
    else:
        source = f"the cache {cache}" if cache else f"the remote '{remote}'"
    if cache is not None:
        if not (cache / "files").is_dir():
            raise ReproduceError(
                f"there is no DVC cache at {cache} and no remote to pull from",
                fix="set a remote (`dvc remote add -d NAME URL`) or give --cache-dir",
            )
        for section in [name for name in config.sections() if "remote" in name]:
            config.remove_section(section)
        config["'remote \"cache\"'"] = {"url": str(cache.resolve())}
        if not config.has_section("core"):
            config.add_section("core")
        config["core"]["remote"] = "cache"
    for section in _LOCAL:
        config.remove_section(section)
    for section in config.sections():
        url = config.get(section, "url", fallback=None)
        if url is not None and "://" not in url and not os.path.isabs(url):
            # Relative to the file that it stands in.
            config[section]["url"] = str((root / ".dvc" / url).resolve())
    (to / ".dvc").mkdir(exist_ok=True)
    path = to / ".dvc" / "config.local"
    # It may hold the remote's password.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        config.write(file)
    return source


def dvc(folder: Path, arguments: Sequence[str], what: str, environment: Mapping[str, str]) -> None:
    """Run DVC of this environment in a folder.

    Raises
    ------
    ReproduceError
        It fails; carries its last lines.
    """
    run(folder, [sys.executable, "-m", "dvc", *arguments], what, environment)


def run(
    folder: Path, command: Sequence[str], what: str, environment: Mapping[str, str] | None = None
) -> None:
    """Run a program and keep what it says for the case that it fails.

    Raises
    ------
    ReproduceError
        It fails; carries its last lines.
    """
    done = subprocess.run(  # noqa: S603 (no shell)
        command,
        cwd=folder,
        env=None if environment is None else dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        said = [line.rstrip() for line in done.stdout.splitlines() if line.strip()]
        words = "\n".join(f"  {line}" for line in said[-_TOLD_LINES:])
        raise ReproduceError(
            f"could not {what} (exit code {done.returncode}):\n{words}",
            fix="see what it says; `--into DIR` keeps the folder to look into",
        )


def _read(*paths: Path) -> configparser.RawConfigParser:
    config = configparser.RawConfigParser(strict=False)
    config.read([str(path) for path in paths if path.exists()], encoding="utf-8")
    return config
