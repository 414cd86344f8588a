"""MkDocs hook: write the reference pages at build time, from the programs, the package and the files they describe.

- reference/cli.md: the `--help` of `atlas`, of each of its commands and of a sweep, run as processes;
- reference/api/PACKAGE.md: a page a package, a `:::` directive of mkdocstrings a module;
- reference/summary.md: the schema of a sweep's summary;
- reference/changelog.md and reference/security.md: the files at the repository's root;
- adr/index.md: a table of the decision records.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PACKAGE, DOCS = ROOT / "atlas", ROOT / "docs"
COMMANDS = re.compile(r"^ {4}([a-z]+)(?: {2,}|$)", re.MULTILINE)  # of argparse's list of subcommands
SWEEP = "sweeps/task_order.py"
HELPS = """
import io, json, sys
from contextlib import redirect_stdout
from atlas.cli import main

texts, commands = {}, sys.argv[1:]
for command in commands:
    with redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")) as said:
        try:
            main([*command.split(), "--help"])
        except SystemExit as end:
            if end.code:
                raise
    said.seek(0)
    texts[command] = said.read()
print(json.dumps(texts))
"""  # command of `atlas` → its help
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the two sections of the navigation that follow the files."""
    (reference,) = (entry["Reference"] for entry in config.nav or [] if "Reference" in entry)
    sections = {name: section for entry in reference for name, section in entry.items()}
    sections["Python API"] += [{package: f"reference/api/{package}.md"} for package in packages()]
    sections["Decisions"] += ["adr/index.md", *(f"adr/{path.name}" for path in decisions())]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are generated."""
    pages = {
        "reference/cli.md": cli_page(),
        "reference/summary.md": _summary_page(),
        "reference/changelog.md": _relinked(ROOT / "CHANGELOG.md"),
        "reference/security.md": _relinked(ROOT / "SECURITY.md"),
        "adr/index.md": _decisions_page(),
        **{f"reference/api/{package}.md": _package_page(package) for package in packages()},
    }
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def packages() -> list[str]:
    """The package's floors and the modules at its root, as they stand on the disk."""
    return sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def decisions() -> list[Path]:
    """The decision records, by number."""
    return sorted(path for path in (DOCS / "adr").glob("[0-9]*.md"))


def cli_page() -> str:
    """The command line in full: each program's own `--help`."""
    top = _help(["-m", "atlas.cli"])
    texts = _helps(COMMANDS.findall(top))
    texts |= _helps([f"{outer} {inner}" for outer, text in texts.items() for inner in COMMANDS.findall(text)])
    texts = {
        "atlas": top,
        **{f"atlas {name}": texts[name] for name in sorted(texts)},
        f"python {SWEEP}": _help([SWEEP]),
    }
    sections = [f"## `{title}`\n\n```text\n{text.rstrip()}\n```\n" for title, text in texts.items()]
    head = (
        "# Command line\n\n"
        "Written at build time by running each program with `--help`. `atlas sweep FILE …` is `python FILE …`, "
        "and `atlas sweep task-order …` runs the shipped file of that name; all "
        f"sweeps have the options of `{SWEEP}`, the last one below.\n"
    )
    return "\n".join([head, *sections])


def _helps(commands: list[str]) -> dict[str, str]:
    """Command of `atlas` → its help; all of them are called in one process."""
    return dict(json.loads(_printed(["-c", HELPS, *commands])))


def _help(call: list[str]) -> str:
    """The `--help` output of a program."""
    return _printed([*call, "--help"])


def _printed(call: list[str]) -> str:
    """The output of a program of Python's, 100 columns wide. Fails the build where the program fails."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, *call], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(call)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def _package_page(package: str) -> str:
    """One page a package: its docstring, then its public modules that define something."""
    folder = PACKAGE / package
    lines = [f"# atlas.{package}\n", f"{_docstring(folder / '__init__.py')}\n"]
    lines += [f"::: {module}\n" for module in _modules(folder)]
    return "\n".join(lines)


def _modules(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        if path.name not in ("__init__.py", "__main__.py") and not path.name.startswith("_"):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def _summary_page() -> str:
    """The keys of summary.json with their types and meanings, a table an object, from its JSON schema."""
    schema = json.loads((DOCS / "summary.schema.json").read_text())
    objects = {"Summary": schema, **{name: one for name, one in schema["$defs"].items() if "properties" in one}}
    head = (
        "# summary.json\n\nGenerated from its types; the [JSON schema](../summary.schema.json) is made of them, too.\n"
    )
    return "\n".join([head, *(_object_section(name, one) for name, one in objects.items())])


def _object_section(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        f"| `{key}`{'' if key in required else ' ?'} | {_type(one)} | {_cell(one.get('description', ''))} |"
        for key, one in schema["properties"].items()
    ]
    return "\n".join([f"## {name}\n\n{schema['description']}\n", "| key | type | |", "| --- | --- | --- |", *rows, ""])


def _type(schema: dict[str, Any]) -> str:
    """A JSON schema in a few words; objects are named, and linked to their own table."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "any JSON" if name == "JsonValue" else f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{one}`" for one in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if isinstance(inner := schema.get("additionalProperties"), dict):
        return f"name → {_type(inner)}"
    return str(schema.get("type", "object"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _decisions_page() -> str:
    rows = [f"- [{path.read_text().splitlines()[0].removeprefix('# ')}]({path.name})" for path in decisions()]
    return "\n".join(["# Decisions\n", "Short records of what was decided, why, and what it costs.\n", *rows, ""])


def _relinked(path: Path) -> str:
    """A page of the repository's root whose links lead into the site, or are plain paths where the site has no page."""

    def link(found: re.Match[str]) -> str:
        text, target = found.groups()
        if "://" in target or target.startswith("#"):
            return found.group()
        if target.startswith("docs/") and (ROOT / target.partition("#")[0]).is_file():
            return f"[{text}](../{target.removeprefix('docs/')})"
        return f"`{target}`"

    return LINK.sub(link, path.read_text())
