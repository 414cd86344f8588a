"""Names that users give: checked where they are first seen, and safe names derived from them.

A task's name becomes a folder, an adapter, a module's child, a part of a parameter's name and an option's value;
a parameter's a key of Tune's configuration beside those of a trial; a sweep's a folder and a model in MLflow, which
are derived.
"""

from __future__ import annotations

import re

from atlas.runtime.digest import text_sha256
from atlas.runtime.errors import UserError
from atlas.runtime.text import counted

LONGEST = 100  # bytes; a file system's limit is 255, which other parts of the same name share
RULE = "letters, digits, single spaces, '-' and '_', a letter or digit first, one letter at least"
PARAMETER_RULE = "letters, digits and '_', with spaces, '-', '.' and ':' between them"
PARAMETER = re.compile(r"\w+(?:[-.: ]+\w+)*")
PLAIN = re.compile(r"[^\W_](?:[\w-]| (?=[\w-]))*")
SAFE_FILE = re.compile(r"[^\W_](?:[\w-]|\.(?=\w)| (?=[\w-]))*")
DIGEST = 8
RESERVED_WORDS = """
    T_destination add_module apply bfloat16 buffers call_super_init children clear compile copy cpu cuda double
    dump_patches eval extra_repr float forward fromkeys get get_buffer get_extra_state get_parameter
    get_submodule half ipu items keys load_state_dict modules mtia named_buffers named_children named_modules
    named_parameters parameters pop popitem register_backward_hook register_buffer register_forward_hook
    register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule
    setdefault share_memory smart_apply state_dict to to_empty train training type update values xpu zero_grad model
    base_model base_layer weight bias
"""
RESERVED_MODULES = frozenset(RESERVED_WORDS.split())
"""Attributes of torch's containers and of PEFT's models, which no child of a module can have as its name."""
OPTION_WORDS = {
    "all": "with --orders stands for every order",
    "processor": "is a folder of an export beside those of the tasks",
}
"""Words that mean something else where a task's name stands."""
RESERVED_ROOT = "atlas_"  # begins the names of an adapter's own parts


def check_name(kind: str, name: object) -> str:
    """The name, where it can be a folder, an option's value and a part of a longer name.

    Raises:
        UserError: it is no text, or holds anything but what `RULE` says.
    """
    if not isinstance(name, str):
        raise UserError(f"the {kind}'s name is {name!r}; give a text of {RULE}.")
    if not PLAIN.fullmatch(name) or not any(map(str.isalpha, name)):
        raise UserError(f"the {kind}'s name is {name!r}; give one of {RULE}, such as {_proposed(name, kind)!r}.")
    if (length := len(name.encode())) > LONGEST:
        raise UserError(f"the {kind}'s name {name[:20]!r}… has {counted(length, 'byte')}; give {LONGEST} at most.")
    return name


def check_task_name(name: object) -> str:
    """The name, where it can be an adapter's and a module's child, too.

    Raises:
        UserError: as `check_name`, or it is one that torch or PEFT use themselves, or one of OPTION_WORDS.
    """
    checked = check_name("task", name)
    if checked in RESERVED_MODULES or checked.startswith(RESERVED_ROOT):
        raise UserError(
            f"the task's name is {checked!r}, which torch and PEFT use themselves; give another, such as "
            f"{f'task-{checked}'!r}."
        )
    if checked in OPTION_WORDS:
        raise UserError(
            f"the task's name is {checked!r}, which {OPTION_WORDS[checked]}; give another, such as "
            f"{f'task-{checked}'!r}."
        )
    return checked


def check_parameter_name(name: str, sweep: str) -> None:
    """Raises UserError for the name of a sweep's parameter that cannot be one of Tune's and MLflow's as well."""
    if PARAMETER.fullmatch(name) and len(name.encode()) <= LONGEST:
        return
    words = "_".join(re.findall(r"\w+", name))[:40] or "parameter"
    raise UserError(
        f"the sweep {sweep} suggests a parameter named {name[:LONGEST]!r}; give one of {PARAMETER_RULE}, such as "
        f"{words!r}."
    )


def file_name(name: str) -> str:
    """A name for files, folders and models: `name` itself where it is safe, else readable parts and its digest.

    Different names never have the same one.
    """
    if SAFE_FILE.fullmatch(name) and len(name.encode()) <= LONGEST:
        return name
    words = "-".join(re.findall(r"\w+", name)).encode()[: LONGEST - DIGEST - 1].decode(errors="ignore").strip("-_")
    return "-".join(filter(None, (words, text_sha256(name)[:DIGEST])))


def _proposed(name: str, kind: str) -> str:
    """A name like the refused one that is allowed."""
    words = "-".join(re.findall(r"[^\W_]+", name))[:40]
    return words if any(map(str.isalpha, words)) else "-".join(filter(None, (kind, words)))
