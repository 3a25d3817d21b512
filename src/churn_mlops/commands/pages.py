"""The pages of documentation that are generated from code, so that they cannot drift."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from churn_mlops import errors
from churn_mlops.params import Params


def pages() -> dict[str, str]:
    """File name in `docs/` to content."""
    from churn_mlops.data import checks
    from churn_mlops.features import catalogue

    return {
        "checks.md": checks.as_markdown(),
        "features.md": catalogue.as_markdown(Params()),
        "params.md": params_page(),
        "cli.md": cli_page(),
    }


def params_page() -> str:
    """Every key of `params.yaml` with its type and default."""
    lines = [
        "# Parameters",
        "",
        "Printed from `src/churn_mlops/params/` by `churn docs`. Every key may be left",
        "out; the default then holds. An unknown key, a wrong type or an impossible value is one",
        "error that names the key. `CHURN__SECTION__KEY=value` in the environment wins over the",
        "file: `CHURN__CHURN__WINDOW_DAYS=14 churn build-labels`. `churn show-params` prints what",
        "is in effect.",
    ]
    for path, model in _sections("", Params):
        lines += ["", f"## `{path or 'top level'}`", "", inspect.cleandoc(model.__doc__ or ""), ""]
        rows = [
            f"| `{name}` | {_type(field.annotation)} | {_default(field.default)} |"
            for name, field in model.model_fields.items()
            if not isinstance(field.default, BaseModel)
        ]
        if rows:
            lines += ["| key | type | default |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _sections(path: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    yield path, model
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from _sections(f"{path}.{name}".lstrip("."), type(field.default))


def _type(annotation: Any) -> str:
    return f"`{_plain_type(annotation)}`".replace("|", "\\|")


def _plain_type(annotation: Any) -> str:
    """An annotation as people write it: ``float``, ``list of str``, ``csv | parquet``."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _plain_type(inner[0])
    if origin is Literal:
        return " | ".join(str(value) for value in inner)
    if origin in (Union, UnionType):
        return " | ".join("null" if part is type(None) else _plain_type(part) for part in inner)
    if origin is tuple:
        return f"list of {_plain_type(inner[0])}"
    if origin is dict:
        return f"{_plain_type(inner[0])}: {_plain_type(inner[1])}"
    return str(getattr(annotation, "__name__", annotation))


def _default(value: Any) -> str:
    def plain(inner: Any) -> Any:
        if isinstance(inner, BaseModel):
            return {key: plain(below) for key, below in inner if below != ""}
        if isinstance(inner, dict):
            return {key: plain(below) for key, below in inner.items()}
        return [plain(below) for below in inner] if isinstance(inner, tuple) else inner

    shown = "null" if value is None else str(plain(value)).replace("'", "").replace("None", "null")
    return f"`{shown}`"


def cli_page() -> str:
    """Every command with its help, and the exit codes."""
    import typer

    from churn_mlops.cli import app

    group: Any = typer.main.get_command(app)
    lines = [
        "# Commands and exit codes",
        "",
        "Printed from the program by `churn docs`. Results go to standard output, progress and",
        "log lines to standard error. Every command takes `--json` (one JSON object on standard",
        "output) and `--help`.",
        "",
        "| exit code | meaning |",
        "|---|---|",
        "| 0 | done |",
        "| 1 | an error without a code of its own |",
        "| 2 | the command line was wrong |",
    ]
    for error in sorted(errors.ChurnError.__subclasses__(), key=lambda e: e.exit_code):
        meaning = (error.__doc__ or "").split("\n")[0].rstrip(".")
        lines.append(f"| {error.exit_code} | `{error.__name__}`: {meaning} |")
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            for below, one in command.commands.items():
                lines += _section(f"{name} {below}", one)
        else:
            lines += _section(name, command)
    return "\n".join(lines) + "\n"


def _section(name: str, command: Any) -> list[str]:
    """A command's help and options."""
    context = command.make_context(name, [], resilient_parsing=True)
    lines = ["", f"## `churn {name}`", "", inspect.cleandoc(command.help or ""), ""]
    lines += ["| option | meaning |", "|---|---|"]
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record:
            option, meaning = (text.replace("|", "\\|") for text in record)
            lines.append(f"| `{option}` | {meaning} |".replace("  [", " ["))
    return lines
