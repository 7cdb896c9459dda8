"""Configuration: one nested dict, filled from several places, read by dotted key.

What a setting is comes from the first of these that says so:

1. `rask.config.set(...)` in the program;
2. an environment variable, `RASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=5`;
3. the file or folder that `RASK_CONFIG` names;
4. the files in `~/.config/rask`;
5. the files in `etc/rask` under the Python installation or environment;
6. the files in the folder that `RASK_ROOT_CONFIG` names, `/etc/rask` if it names none;
7. the defaults shipped in `rask._defaults`.

In keys `-` and `_` mean the same. Files end in `.yaml`, `.yml` or `.json`, are read in alphabetical order
within a folder, and hold one mapping each; YAML needs the package pyyaml, which is imported only once such a
file is found.

>>> import rask.config
>>> with rask.config.set({"distributed.scheduler.allowed-failures": 5}):
...     rask.config.get("distributed.scheduler.allowed_failures")
5
>>> rask.config.get("distributed.scheduler.allowed_failures")
3
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence

from rask._defaults import DEFAULTS, DEPRECATIONS

TYPE_CHECKING = False  # `typing` takes longer to import than all of this module
if TYPE_CHECKING:
    import pathlib
    from typing import Any

__all__ = [
    "PATH",
    "canonical_name",
    "check_deprecations",
    "collect",
    "collect_env",
    "collect_yaml",
    "config",
    "defaults",
    "deprecations",
    "deserialize",
    "ensure_file",
    "expand_environment_variables",
    "get",
    "interpret_value",
    "merge",
    "paths",
    "paths_containing_key",
    "pop",
    "refresh",
    "rename",
    "serialize",
    "set",
    "update",
    "update_defaults",
]

ENV_PREFIX = "RASK_"
"""What every environment variable that sets something begins with."""

INHERIT_ENV = "RASK_INTERNAL_INHERIT_CONFIG"
"""The variable by which a process hands its whole configuration, serialized, to the processes it starts."""

# They say where the configuration is, not what is in it; and a secret must not sit in a dict that people
# print, paste into bug reports and send to workers.
_ENV_NO_SETTINGS = frozenset({"RASK_CONFIG", "RASK_ROOT_CONFIG", INHERIT_ENV, "RASK_SECRET"})
_FILE_ENDINGS = (".yaml", ".yml", ".json")


class _NoDefault:
    """The type of `no_default`, so that signatures read well in `help()`."""

    def __repr__(self) -> str:
        return "<no_default>"


no_default = _NoDefault()


def _search_paths() -> list[str]:
    """List where configuration files are looked for, the least important first, without repeats."""
    # Virtual environments have sys.prefix; Linux distributions keep further prefixes in `site`.
    import site

    candidates = [os.getenv("RASK_ROOT_CONFIG", "/etc/rask"), os.path.join(sys.prefix, "etc", "rask")]
    candidates += [os.path.join(prefix, "etc", "rask") for prefix in site.PREFIXES]
    candidates.append(os.path.join(os.path.expanduser("~"), ".config", "rask"))
    if "RASK_CONFIG" in os.environ:
        candidates.append(os.environ["RASK_CONFIG"])
    # A path named twice counts where it weighs most.
    return list(dict.fromkeys(reversed(candidates)))[::-1]


paths: list[str] = _search_paths()
"""Folders and files that configuration is read from, the least important first."""

PATH: str = os.environ.get("RASK_CONFIG", os.path.join(os.path.expanduser("~"), ".config", "rask"))
"""Where `ensure_file` puts a user's own configuration."""

config: dict = {}
"""The configuration in force. Read it with `get`, change it with `set`."""

global_config = config

defaults: list[Mapping] = [DEFAULTS]
"""Mappings of default values, later ones first in weight; `update_defaults` appends to it."""

deprecations: dict[str, str | None] = dict(DEPRECATIONS)
"""Old key → its name now, or None where the setting is gone."""

config_lock = threading.Lock()


# --- names -------------------------------------------------------------------------------------------------


def canonical_name(k: str, config: Mapping) -> str:
    """Return `k` as it is spelled in `config`: itself, or the other of its `-` and `_` spellings.

    Parameters
    ----------
    k : str
        One part of a dotted key.
    config : Mapping
        The level of the configuration to look in.

    Returns
    -------
    str
        The spelling found, or `k` unchanged when the mapping has neither.

    Examples
    --------
    >>> canonical_name("fizz-buzz", {"fizz_buzz": 2})
    'fizz_buzz'
    >>> canonical_name("new-key", {"fizz_buzz": 2})
    'new-key'
    """
    if k in config or not isinstance(k, str):
        return k
    for other in (k.replace("_", "-"), k.replace("-", "_")):
        if other in config:
            return other
    return k


def _spelling(key: str) -> str:
    """Spell a key in the one way that lets two spellings be compared."""
    return key.replace("_", "-")


def check_deprecations(key: str, deprecations: Mapping[str, str | None] | None = None) -> str:
    """Return the name by which `key` goes now, warning if that is a new one.

    Parameters
    ----------
    key : str
        A dotted key, in either spelling.
    deprecations : Mapping, optional
        Old key → new key or None; `rask.config.deprecations` if not given.

    Returns
    -------
    str
        `key` itself, or its replacement.

    Raises
    ------
    ValueError
        The setting is gone and has no replacement.

    Examples
    --------
    >>> check_deprecations("array.svg.size")
    'array.svg.size'
    """
    table = _global_deprecations() if deprecations is None else deprecations
    old = _spelling(key)
    if old not in table:
        return key
    new = table[old]
    if new is None:
        raise ValueError(f"Configuration key {key!r} has been removed; delete it")
    warnings.warn(
        f"Configuration key {key!r} has been deprecated; please use {new!r} instead",
        FutureWarning,
        stacklevel=_stacklevel_outside(),
    )
    return new


def _global_deprecations() -> dict[str, str | None]:
    # The parameter of the same name hides the module's table inside the functions that take one.
    return deprecations


def _stacklevel_outside() -> int:
    """Count the frames between `warnings.warn` in the caller and the code that called this module."""
    frame = sys._getframe(1)
    level = 1
    while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
        level += 1
    return level


# --- combining ---------------------------------------------------------------------------------------------


def update(
    old: dict,
    new: Mapping,
    priority: str = "new",
    defaults: Mapping | None = None,
) -> dict:
    """Put the values of `new` into `old`, in place, level by level.

    Parameters
    ----------
    old : dict
        Changed in place.
    new : Mapping
        Nested values to put in. Nested mappings are copied, never shared.
    priority : {"new", "old", "new-defaults"}
        Who wins where both have a value: the new one; the old one; or the new one only where the old is still
        equal to the default in `defaults`.
    defaults : Mapping, optional
        The present defaults, for "new-defaults".

    Returns
    -------
    dict
        `old`.

    Raises
    ------
    ValueError
        An unknown `priority`.

    Examples
    --------
    >>> update({"x": 1, "y": {"a": 2}}, {"x": 2, "y": {"b": 3}})
    {'x': 2, 'y': {'a': 2, 'b': 3}}
    >>> update({"x": 1, "y": {"a": 2}}, {"x": 2, "y": {"b": 3}}, priority="old")
    {'x': 1, 'y': {'a': 2, 'b': 3}}
    """
    if priority not in ("new", "old", "new-defaults"):
        raise ValueError(f"priority must be 'new', 'old' or 'new-defaults', got {priority!r}")
    for name, value in new.items():
        k = canonical_name(name, old)
        default = _NO_VALUE
        if isinstance(defaults, Mapping):
            default = defaults.get(canonical_name(name, defaults), _NO_VALUE)
        overwrite = (
            priority == "new"
            or k not in old
            or (priority == "new-defaults" and default is not _NO_VALUE and default == old[k])
        )
        if not isinstance(value, Mapping):
            if overwrite:
                old[k] = value
            continue
        if not isinstance(old.get(k), dict):
            # A section may always replace None, which stands for "nothing set here".
            if not overwrite and old[k] is not None:
                continue
            old[k] = {}
        update(old[k], value, priority, default if isinstance(default, Mapping) else None)
    return old


_NO_VALUE = object()


def merge(*dicts: Mapping) -> dict:
    """Combine nested mappings into a new dict; later ones win.

    Examples
    --------
    >>> merge({"x": 1, "y": {"a": 1}}, {"y": {"b": 2}})
    {'x': 1, 'y': {'a': 1, 'b': 2}}
    """
    result: dict = {}
    for d in dicts:
        update(result, d)
    return result


def update_defaults(new: Mapping, config: dict | None = None, defaults: list[Mapping] | None = None) -> None:
    """Add default values, for libraries that have settings of their own.

    A value that the user has set stays; one that still has its former default takes the new one. `refresh`
    keeps what was added here.

    Parameters
    ----------
    new : Mapping
        Nested default values.
    config : dict, optional
        The configuration to change, the global one if not given.
    defaults : list of Mapping, optional
        The list to append to, `rask.config.defaults` if not given.

    Examples
    --------
    >>> settings, known = {}, []
    >>> update_defaults({"mylib": {"depth": 3}}, config=settings, defaults=known)
    >>> settings
    {'mylib': {'depth': 3}}
    """
    config = global_config if config is None else config
    known = _global_defaults() if defaults is None else defaults
    former = merge(*known)
    known.append(new)
    update(config, new, priority="new-defaults", defaults=former)


def _global_defaults() -> list[Mapping]:
    return defaults


# --- files -------------------------------------------------------------------------------------------------


def _load_config_file(path: str | os.PathLike) -> dict | None:
    """Read one file; None when it may not be read.

    Raises
    ------
    ValueError
        The file is not YAML (or JSON), or holds something other than a mapping.
    ModuleNotFoundError
        It is a YAML file and pyyaml is not installed.
    """
    try:
        with open(path, encoding="utf-8") as f:
            text = f.read()
    except OSError:
        # A file of somebody else's, as happens in a shared home, must not keep rask from being imported.
        return None
    try:
        data = _parse(text, path)
    except ModuleNotFoundError:
        raise
    except Exception as exc:
        raise ValueError(
            f"The configuration file {os.fspath(path)!r} is malformed; original error message:\n\n{exc}"
        ) from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ValueError(
            f"The configuration file {os.fspath(path)!r} is malformed; it must have a dict at the top, "
            f"not {type(data).__name__}"
        )
    return data


def _parse(text: str, path: str | os.PathLike) -> Any:
    if os.fspath(path).endswith(".json"):
        import json

        return json.loads(text) if text.strip() else None
    try:
        import yaml
    except ModuleNotFoundError as exc:
        raise ModuleNotFoundError(
            f"The configuration file {os.fspath(path)!r} is YAML, and reading YAML needs the package pyyaml, "
            "which is not installed. Run: pip install pyyaml (or write the file as JSON, under a name ending "
            "in .json)",
            name=exc.name,
        ) from None
    return yaml.safe_load(text)


def _config_files(paths: Sequence[str | os.PathLike]) -> Iterator[str]:
    for path in paths:
        if not os.path.isdir(path):
            if os.path.exists(path):
                yield os.fspath(path)
            continue
        try:
            names = sorted(os.listdir(path))
        except OSError:
            continue
        for name in names:
            if name.lower().endswith(_FILE_ENDINGS):
                yield os.path.join(path, name)


def collect_yaml(
    paths: Sequence[str | os.PathLike], *, return_paths: bool = False
) -> Iterator[dict | tuple[pathlib.Path, dict]]:
    """Read the configuration files in these folders, or these files, the least important first.

    Despite its name, which is Dask's, it reads JSON files as well.

    Parameters
    ----------
    paths : sequence of str or path
        Folders and files; what does not exist or may not be read is left out.
    return_paths : bool
        Yield pairs of path and contents instead of the contents alone.

    Yields
    ------
    dict, or tuple of pathlib.Path and dict

    Raises
    ------
    ValueError
        A file is malformed; the error names it.
    ModuleNotFoundError
        There is a YAML file and pyyaml is not installed.

    Examples
    --------
    >>> list(collect_yaml(paths=[]))
    []
    """
    for path in _config_files(paths):
        data = _load_config_file(path)
        if data is None:
            continue
        if return_paths:
            from pathlib import Path

            yield Path(path), data
        else:
            yield data


def paths_containing_key(
    key: str, paths: Sequence[str | os.PathLike] | None = None
) -> Iterator[pathlib.Path]:
    """Find the configuration files that set `key`.

    Parameters
    ----------
    key : str
        A dotted key.
    paths : sequence of str or path, optional
        Where to look, `rask.config.paths` if not given.

    Yields
    ------
    pathlib.Path

    Examples
    --------
    >>> list(paths_containing_key("array.svg.size", paths=[]))
    []
    """
    for path, data in collect_yaml(_global_paths() if paths is None else paths, return_paths=True):
        try:
            get(key, config=data)
        except KeyError:
            continue
        yield path


def _global_paths() -> list[str]:
    return paths


def ensure_file(
    source: str | os.PathLike, destination: str | os.PathLike | None = None, comment: bool = True
) -> None:
    """Copy a file of defaults to where users edit theirs, unless they have one by that name already.

    Parameters
    ----------
    source : str or path
        The file of defaults, usually shipped with a library.
    destination : str or path, optional
        The folder to copy it to, made if need be; `rask.config.PATH` if not given.
    comment : bool
        Put `#` before each line, so that the copy says what there is to set and sets nothing.

    Raises
    ------
    ValueError
        The source is JSON, which has no comments, and `comment` is true.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source, etc = pathlib.Path(folder, "mylib.yaml"), pathlib.Path(folder, "etc")
    ...     _ = source.write_text("mylib:\\n  depth: 3\\n")
    ...     ensure_file(source, etc)
    ...     print((etc / "mylib.yaml").read_text().strip())
    # mylib:
    #   depth: 3
    """
    if comment and os.fspath(source).endswith(".json"):
        raise ValueError(f"{os.fspath(source)!r} is JSON, which has no comments; pass comment=False")
    folder = PATH if destination is None else destination
    target = os.path.join(folder, os.path.basename(source))
    # Written beside its place and then moved, since several processes may start at once.
    draft = f"{target}.{os.getpid()}"
    try:
        if os.path.exists(target):
            return
        os.makedirs(folder, exist_ok=True)
        with open(source, encoding="utf-8") as f:
            lines = f.readlines()
        if comment:
            lines = [f"# {line}" if line.strip() and not line.startswith("#") else line for line in lines]
        with open(draft, "w", encoding="utf-8") as f:
            f.writelines(lines)
        os.replace(draft, target)
    except OSError:
        # A home that cannot be written to is no reason to stop.
        pass


# --- environment -------------------------------------------------------------------------------------------


def collect_env(env: Mapping[str, str] | None = None) -> dict:
    """Read settings from environment variables that begin with `RASK_`.

    The rest of the name is the key in lower case, with `__` for the dot between levels; the value is read as
    a Python literal where it is one, and as a string otherwise.

    Parameters
    ----------
    env : Mapping, optional
        The variables, `os.environ` if not given.

    Returns
    -------
    dict
        Nested settings. RASK_SECRET is never among them.

    Examples
    --------
    >>> collect_env({"RASK_ARRAY__SVG__SIZE": "150", "RASK_TEMPORARY_DIRECTORY": "/scratch", "HOME": "/root"})
    {'temporary_directory': '/scratch', 'array': {'svg': {'size': 150}}}
    """
    env = os.environ if env is None else env
    result: dict = deserialize(env[INHERIT_ENV]) if INHERIT_ENV in env else {}
    settings = {}
    for name, value in env.items():
        if name.startswith(ENV_PREFIX) and name not in _ENV_NO_SETTINGS:
            key = name[len(ENV_PREFIX) :].lower().replace("__", ".")
            settings[key] = interpret_value(value)
    # Shallow keys first, so that RASK_A=1 beside RASK_A__B=2 gives the same whatever the order of variables.
    for key in sorted(settings, key=lambda key: key.count(".")):
        _assign(key.split("."), settings[key], result)
    return result


def interpret_value(value: str) -> Any:
    """Read a string as the Python literal it spells, or leave it a string.

    Examples
    --------
    >>> [interpret_value(v) for v in ("1.5", "true", "null", "[1, 'a']", "tcp://host:8786")]
    [1.5, True, None, [1, 'a'], 'tcp://host:8786']
    """
    words = {"none": None, "null": None, "false": False, "true": True}
    if value.lower() in words:
        return words[value.lower()]
    import ast

    try:
        return ast.literal_eval(value)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return value


def expand_environment_variables(config: Any) -> Any:
    """Replace `$NAME` and `${NAME}` in the strings of nested values; unknown names stay.

    Parameters
    ----------
    config : Any
        A value, or mappings, lists, tuples and sets of values. Keys are left alone.

    Returns
    -------
    Any
        A copy with the strings expanded.

    Examples
    --------
    >>> import os
    >>> os.environ["RASK_DOC_HOST"] = "node7"
    >>> expand_environment_variables({"address": "tcp://$RASK_DOC_HOST:8786", "tries": [1, 2]})
    {'address': 'tcp://node7:8786', 'tries': [1, 2]}
    >>> del os.environ["RASK_DOC_HOST"]
    """
    if isinstance(config, Mapping):
        return {k: expand_environment_variables(v) for k, v in config.items()}
    if isinstance(config, str):
        return os.path.expandvars(config)
    if type(config) in (list, tuple, frozenset, _builtin_set):
        return type(config)(expand_environment_variables(v) for v in config)
    return config


# --- putting it together -----------------------------------------------------------------------------------


def collect(paths: Sequence[str | os.PathLike] | None = None, env: Mapping[str, str] | None = None) -> dict:
    """Read the configuration from files and environment variables, without the defaults.

    Parameters
    ----------
    paths : sequence of str or path, optional
        Folders and files, the least important first; `rask.config.paths` if not given.
    env : Mapping, optional
        Environment variables, `os.environ` if not given.

    Returns
    -------
    dict

    Examples
    --------
    >>> collect(paths=[], env={"RASK_ARRAY__SVG__SIZE": "150"})
    {'array': {'svg': {'size': 150}}}
    """
    files = collect_yaml(_global_paths() if paths is None else paths)
    return merge(*files, collect_env(env))


def rename(
    deprecations: Mapping[str, str | None] | None = None, config: dict | None = None
) -> dict[str, str | None]:
    """Move values from old keys to the new ones, in place, warning about each.

    A value already under the new key wins over the old key's, silently: that is how a newer file overrides an
    older one. A key without replacement is deleted; putting it under `ignore-deprecated` keeps that silent.

    Parameters
    ----------
    deprecations : Mapping, optional
        Old key → new key or None; `rask.config.deprecations` if not given.
    config : dict, optional
        The configuration to change, the global one if not given.

    Returns
    -------
    dict
        Those of the deprecations that were found.

    Examples
    --------
    >>> import warnings
    >>> settings = {"old-depth": 3}
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     rename({"old-depth": "mylib.depth"}, config=settings)
    {'old-depth': 'mylib.depth'}
    >>> settings
    {'mylib': {'depth': 3}}
    """
    table = _global_deprecations() if deprecations is None else deprecations
    config = global_config if config is None else config
    found = {}
    for old, new in table.items():
        try:
            value = pop(old, config=config)
        except KeyError:
            continue
        found[old] = new
        if new is None:
            if get(f"ignore-deprecated.{old}", _NO_VALUE, config=config) is _NO_VALUE:
                warnings.warn(
                    f"Configuration key {old!r} has been removed and is ignored; delete it, or silence this "
                    f"by setting 'ignore-deprecated.{old}' to the same value",
                    FutureWarning,
                    stacklevel=_stacklevel_outside(),
                )
            continue
        present = get(new, _NO_VALUE, config=config)
        # After "a.b" became "a", the emptied section {} under "a" is not a value that anybody set.
        if present is not _NO_VALUE and not (present == {} and old.startswith(new + ".")):
            continue
        check_deprecations(old, table)
        _assign(new.split("."), value, config)
    return found


def refresh(
    config: dict | None = None,
    defaults: Sequence[Mapping] | None = None,
    paths: Sequence[str | os.PathLike] | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Read files, environment variables and defaults anew, forgetting what `set` changed.

    Parameters
    ----------
    config : dict, optional
        The configuration to refill, the global one if not given.
    defaults : sequence of Mapping, optional
        `rask.config.defaults` if not given.
    paths, env : optional
        As for `collect`.

    Examples
    --------
    >>> settings = {"forgotten": True}
    >>> refresh(settings, defaults=[{"a": 1}], paths=[], env={"RASK_B": "2"})
    >>> settings
    {'a': 1, 'b': 2}
    """
    config = global_config if config is None else config
    # Collected before anything is thrown away: a malformed file must not leave an empty configuration.
    collected = collect(paths, env)
    rename(None, collected)
    with config_lock:
        config.clear()
        for d in _global_defaults() if defaults is None else defaults:
            update(config, d)
        update(config, collected)


# --- reading and writing -----------------------------------------------------------------------------------


def get(
    key: str,
    default: Any = no_default,
    config: Mapping | None = None,
    override_with: Any = None,
) -> Any:
    """Look up a setting.

    Parameters
    ----------
    key : str
        Names of the levels, joined by dots; `-` and `_` are the same.
    default : Any, optional
        What to return when the setting is absent.
    config : Mapping, optional
        The configuration to look in, the global one if not given.
    override_with : Any, optional
        Returned as it is unless None; saves an `if` in functions whose parameters override the configuration.

    Returns
    -------
    Any
        The value; a whole section is a dict.

    Raises
    ------
    KeyError
        The setting is absent and there is no default.

    Examples
    --------
    >>> get("distributed.comm.timeouts.connect")
    '30s'
    >>> get("distributed.comm.timeouts.nonesuch", default=None)
    >>> get("distributed.comm.timeouts.connect", override_with="5s")
    '5s'
    """
    if override_with is not None:
        return override_with
    found: Any = global_config if config is None else config
    for part in key.split("."):
        # Compared in this order since nearly every level is a dict that has the part as written.
        if not isinstance(found, Mapping):
            break
        name = part if part in found else canonical_name(part, found)
        if name not in found:
            break
        found = found[name]
    else:
        return found
    if default is not no_default:
        return default
    raise KeyError(f"no setting {key!r} in the configuration ({part!r} is not there)")


def pop(key: str, default: Any = no_default, config: dict | None = None) -> Any:
    """Remove a setting and return its value.

    Parameters
    ----------
    key : str
        As for `get`.
    default : Any, optional
        What to return when the setting is absent.
    config : dict, optional
        The configuration to change, the global one if not given.

    Raises
    ------
    KeyError
        The setting is absent and there is no default.

    Examples
    --------
    >>> settings = {"foo": {"ba-r": 1, "baz": 2}}
    >>> pop("foo.ba_r", config=settings)
    1
    >>> settings
    {'foo': {'baz': 2}}
    """
    level: Any = global_config if config is None else config
    *sections, last = key.split(".")
    for part in sections:
        level = level.get(canonical_name(part, level)) if isinstance(level, dict) else None
    if isinstance(level, dict) and (name := canonical_name(last, level)) in level:
        return level.pop(name)
    if default is not no_default:
        return default
    raise KeyError(f"no setting {key!r} in the configuration")


def _assign(keys: Sequence[str], value: Any, d: dict, record: list | None = None) -> None:
    """Set one nested value, noting in `record` how to undo it."""
    path: list[str] = []
    *sections, last = keys
    for part in sections:
        part = canonical_name(part, d)
        path.append(part)
        below = d.get(part)
        if not isinstance(below, dict):
            if record is not None:
                record.append((tuple(path), d.get(part, _NO_VALUE)))
                record = None  # undoing this one undoes all that comes below it
            below = d[part] = {}
        d = below
    last = canonical_name(last, d)
    path.append(last)
    if record is not None:
        record.append((tuple(path), d.get(last, _NO_VALUE)))
    d[last] = _copy_dicts(value)


def _copy_dicts(value: Any) -> Any:
    # A later set() inside this section must not reach into the caller's own dict.
    if type(value) is dict:
        return {k: _copy_dicts(v) for k, v in value.items()}
    return value


# The class below takes the name of the builtin, as Dask's does.
_builtin_set = set


class set:
    """Change settings, for good or, used as a context manager, until the end of the block.

    Parameters
    ----------
    arg : Mapping, optional
        Dotted keys and values. A value that is a mapping replaces a whole section.
    config : dict, optional
        The configuration to change, the global one if not given.
    lock : threading.Lock, optional
        Held while changing.
    **kwargs
        More of the same, with `__` for the dot: `array__svg__size=150`.

    Raises
    ------
    ValueError
        A key names a setting that no longer exists.

    Examples
    --------
    >>> import rask.config
    >>> with rask.config.set({"array.svg.size": 150}, distributed__worker__daemon=False):
    ...     rask.config.get("array.svg.size"), rask.config.get("distributed.worker.daemon")
    (150, False)
    >>> rask.config.get("array.svg.size")
    120
    """

    config: dict
    _record: list[tuple[tuple[str, ...], Any]]

    def __init__(
        self,
        arg: Mapping | None = None,
        config: dict | None = None,
        lock: threading.Lock = config_lock,
        **kwargs: Any,
    ):
        if arg is not None and not isinstance(arg, Mapping):
            raise TypeError(f"set() takes a mapping of keys to values, got {type(arg).__name__}")
        settings = []
        for key, value in [*(arg or {}).items(), *((k.replace("__", "."), v) for k, v in kwargs.items())]:
            if not isinstance(key, str):
                raise TypeError(f"configuration keys are strings, got {key!r}")
            settings.append((check_deprecations(key), value))
        self.config = global_config if config is None else config
        self._record = []
        self._lock = lock
        with lock:
            for key, value in settings:
                _assign(key.split("."), value, self.config, self._record)

    def __enter__(self) -> dict:
        return self.config

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            for path, former in reversed(self._record):
                level: Any = self.config
                for part in path[:-1]:
                    # Whoever replaced a section in the meantime has also undone what was set in it.
                    level = level.get(part) if isinstance(level, dict) else None
                if not isinstance(level, dict):
                    continue
                if former is _NO_VALUE:
                    level.pop(path[-1], None)
                else:
                    level[path[-1]] = former


# --- to other processes ------------------------------------------------------------------------------------


def serialize(data: Any) -> str:
    """Turn settings into text that fits an environment variable.

    Parameters
    ----------
    data : Any
        Nested settings of types that JSON has.

    Returns
    -------
    str
        ASCII text for `deserialize`.

    Raises
    ------
    TypeError
        A value is of another type; the error names its key.

    Examples
    --------
    >>> deserialize(serialize({"array": {"svg": {"size": 150}}}))
    {'array': {'svg': {'size': 150}}}
    """
    import base64
    import json

    try:
        text = json.dumps(data)
    except TypeError as exc:
        raise TypeError(f"Cannot serialize the configuration: {_culprit(data, json)}{exc}") from None
    return base64.urlsafe_b64encode(text.encode()).decode()


def _culprit(data: Any, json: Any) -> str:
    path: list[str] = []
    while isinstance(data, dict):
        for k, v in data.items():
            try:
                json.dumps(v)
            except TypeError:
                path.append(str(k))
                data = v
                break
        else:
            break
    return f"{'.'.join(path)!r}: " if path else ""


def deserialize(data: str) -> Any:
    """Read what `serialize` wrote.

    Raises
    ------
    ValueError
        The text is not something that `serialize` wrote.

    Examples
    --------
    >>> deserialize(serialize([1, None, 2.5]))
    [1, None, 2.5]
    """
    import base64
    import json

    try:
        return json.loads(base64.urlsafe_b64decode(data.encode()).decode())
    except ValueError as exc:
        raise ValueError(f"This is not a serialized configuration: {data[:40]!r} ({exc})") from None


refresh()
