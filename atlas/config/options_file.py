"""Options in a file: the one place that reads and writes them, for `--config`, `--save-config` and a sweep's folder.

    schema: 2
    search:   {tasks: [digits, easy-ve], orders: [all], seeds: [0, 1]}
    training: {steps: 100}
    storage:  {storage: /shared/atlas}
    cluster:  {fleets: 2}
    run:      {sharing: true}

A group or a value that is left out is as in the defaults. In the file of a sweep, `<storage>/sweeps/<id>/options.json`,
`{storage}` stands for that storage. Files without groups, as sweeps wrote them before schema 2,
hold the same values by their flat names.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.config.addresses import resolved_in
from atlas.config.options import GROUP_OF, GROUPS, Options
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.os_errors import error_from
from atlas.storage.filesystem import write_whole

if TYPE_CHECKING:
    from pydantic import JsonValue, TypeAdapter, ValidationError

SCHEMA = 2


def read_options_file(path: Path, defaults: Options | None = None) -> Options:
    """The options of a YAML or JSON file; what it leaves out is as in `defaults`.

    Raises:
        UserError: the file cannot be read, has another schema, an unknown key (with the nearest known one) or a value
            of another type or range.
    """
    options = options_from(_content(path), defaults or Options(), source=str(path))
    return resolved_in(options, path.resolve().parents[2]) if len(path.resolve().parents) > 2 else options


def options_from(content: Mapping[str, JsonValue], defaults: Options, *, source: str) -> Options:
    """The options of a file's content, or of a summary's flat settings. Raises UserError as `read_options_file`."""
    from pydantic import ValidationError

    given = _grouped(content, source)
    _check_truths(given, source)
    values = {group: {**_values(getattr(defaults, group)), **given.get(group, {})} for group in GROUPS}
    try:
        return _adapter().validate_python(values)
    except ValidationError as error:
        raise UserError(f"{source}: {_first_problem(error)}") from error


def write_options_file(options: Options, path: Path) -> None:
    """Write all options, whole or not at all: JSON where the name ends so, else YAML.

    Raises UserError, or StorageUnavailable where the disk is full.
    """
    content = {"schema": SCHEMA, **_adapter().dump_python(options, mode="json")}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _text(content, path.suffix).encode())
    except OSError as error:
        message = f"the options cannot be written to {path}: {error.strerror}; name another file."
        raise error_from(error, message) from error


@cache
def _adapter() -> TypeAdapter[Options]:
    from pydantic import TypeAdapter

    return TypeAdapter(Options)


def _text(content: Mapping[str, JsonValue], suffix: str) -> str:
    if suffix == ".json":
        return json.dumps(content, indent=1) + "\n"
    import yaml

    return str(yaml.safe_dump(content, sort_keys=False, default_flow_style=None))


def _content(path: Path) -> Mapping[str, JsonValue]:
    import yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text, object_pairs_hook=_once) if path.suffix == ".json" else _from_yaml(text)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; give a YAML or JSON file.") from error
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path} is neither YAML nor JSON: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no options by name; write e.g. `search: {{tasks: [digits]}}`.")
    return content


def _from_yaml(text: str) -> object:
    """As `yaml.safe_load`, but raises ValueError where a mapping has a key twice: YAML would take the last."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            _once([(str(key.value), None) for key, _ in node.value])
            return super().construct_mapping(node, deep)

    return yaml.load(text, Loader)


def _once(pairs: Sequence[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """The pairs as a mapping. Raises ValueError for a key that is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name in found if [key for key, _ in pairs].count(name) > 1)
        raise ValueError(f"it has {twice!r} twice; give it once")
    return found


def _grouped(content: Mapping[str, JsonValue], source: str) -> dict[str, Mapping[str, JsonValue]]:
    """Group → values, of either form. Raises UserError for an unknown key or schema."""
    schema = content.get("schema", SCHEMA)
    if schema != SCHEMA:
        raise UserError(f"{source} has options of schema {schema!r}; this version reads {SCHEMA}.")
    given = {name: value for name, value in content.items() if name != "schema"}
    if "schema" not in content and _is_flat(given):
        return _from_flat(given, source)
    _check_keys(given, GROUPS, source)
    groups: dict[str, Mapping[str, JsonValue]] = {}
    for group, values in given.items():
        if not isinstance(values, dict):
            raise UserError(f"{source}: {group} is {values!r}; give its options by name.")
        _check_keys(values, [one.name for one in fields(GROUPS[group])], f"{source}, {group}")
        groups[group] = values
    return groups


def _is_flat(given: Mapping[str, JsonValue]) -> bool:
    """Whether the values stand by their flat names; `storage` is the name of a value and of a group."""
    grouped = given.keys() & (GROUPS.keys() - GROUP_OF.keys())
    return not grouped and not any(isinstance(value, dict) for value in given.values())


def _from_flat(given: Mapping[str, JsonValue], source: str) -> dict[str, Mapping[str, JsonValue]]:
    _check_keys(given, GROUP_OF, source, [*GROUP_OF, *GROUPS])
    found: dict[str, dict[str, JsonValue]] = {}
    for name, value in given.items():
        found.setdefault(GROUP_OF[name], {})[name] = value
    return dict(found)


def _check_keys(given: Iterable[str], known: Iterable[str], source: str, shown: Iterable[str] | None = None) -> None:
    for name in given:
        if name not in known:
            raise unknown(f"option in {source}", name, shown or known)


def _check_truths(given: Mapping[str, Mapping[str, JsonValue]], source: str) -> None:
    """Raises UserError for `true` or `false` where no option is switched by it: as a number it would be 1 or 0."""
    switches = {name for name, value in Options().flat().items() if isinstance(value, bool)}
    for group, values in given.items():
        for name in values.keys() - switches:
            value = values[name]
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, bool):
                    raise UserError(f"{source}: {group}.{name} is {str(one).lower()}; give a number or a text.")


def _values(group: Any) -> dict[str, JsonValue]:
    return {one.name: getattr(group, one.name) for one in fields(group)}


def _first_problem(error: ValidationError) -> str:
    """The first of pydantic's problems in one line; that of a group's own check as the group says it."""
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return str(cause)
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "tuple_type":
        return f"{place} is {first['input']!r}; give a list: [{first['input']}]."
    return f"{place} is {first['input']!r}: {first['msg'][:1].lower()}{first['msg'][1:]}."
