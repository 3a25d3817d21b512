"""The compiled pipeline, read back: steps, their edges and what each is given."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

Tree = dict[str, Any]


class Compiled:
    """A compiled pipeline.

    Parameters
    ----------
    path : Path
        Of the YAML file.
    """

    def __init__(self, path: Path) -> None:
        self.spec, self.platform = yaml.safe_load_all(path.read_text())

    @cached_property
    def tasks(self) -> dict[str, Tree]:
        """All tasks that are containers, by name, from whatever depth."""
        found = self._within(self.spec["root"])
        return {name: task for name, task in found if not self._below(task)}

    @cached_property
    def groups(self) -> dict[str, Tree]:
        """All tasks that hold others."""
        return {name: task for name, task in self._within(self.spec["root"]) if self._below(task)}

    def members(self, group: str) -> set[str]:
        """The tasks that a group holds itself."""
        return set(self._below(self.groups[group]))

    def component(self, task: str) -> Tree:
        found: Tree = self.spec["components"][self.tasks[task]["componentRef"]["name"]]
        return found

    def container(self, task: str) -> Tree:
        label = self.component(task)["executorLabel"]
        found: Tree = self.spec["deploymentSpec"]["executors"][label]["container"]
        return found

    def settings(self, task: str) -> Tree:
        """What Kubernetes is to do for it."""
        label = self.component(task)["executorLabel"]
        executors = self.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        found: Tree = executors[label]
        return found

    def edges(self) -> set[tuple[str, str, str]]:
        """Who makes what for whom: maker, artifact, taker; inputs of groups are followed."""
        return {
            (*self._source(name, one), name)
            for name, task in self.tasks.items()
            for one in task.get("inputs", {}).get("artifacts", {}).values()
        }

    def _source(self, taker: str, given: Tree) -> tuple[str, str]:
        if "taskOutputArtifact" in given:
            made = given["taskOutputArtifact"]
            return made["producerTask"], made["outputArtifactKey"]
        (group,) = [name for name in self.groups if taker in self.members(name)]
        outer = self.groups[group]["inputs"]["artifacts"][given["componentInputArtifact"]]
        return self._source(group, outer)

    def _below(self, task: Tree) -> dict[str, Tree]:
        component = self.spec["components"][task["componentRef"]["name"]]
        found: dict[str, Tree] = component.get("dag", {}).get("tasks", {})
        return found

    def _within(self, component: Tree) -> Iterator[tuple[str, Tree]]:
        for name, task in component.get("dag", {}).get("tasks", {}).items():
            yield name, task
            yield from self._within(self.spec["components"][task["componentRef"]["name"]])
