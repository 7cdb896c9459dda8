"""`rask.config`: precedence, spelling, files, environment, and what bad input gets."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import threading
import warnings

import pytest

import rask.config
from rask.config import (
    canonical_name,
    collect,
    collect_env,
    collect_yaml,
    deserialize,
    ensure_file,
    expand_environment_variables,
    get,
    merge,
    paths_containing_key,
    pop,
    refresh,
    rename,
    serialize,
    update,
    update_defaults,
)


def write_json(path, data):
    path.write_text(json.dumps(data))
    return path


# --- names and nesting


def test_hyphens_and_underscores_are_the_same():
    assert canonical_name("foo_bar", {"foo-bar": 1}) == "foo-bar"
    assert canonical_name("foo-bar", {"foo_bar": 1}) == "foo_bar"
    assert canonical_name("new_key", {}) == "new_key"
    c = {"x-y": {"a_b": 1}}
    assert get("x_y.a-b", config=c) == 1
    rask.config.set({"x_y.a-b": 2}, config=c)
    assert c == {"x-y": {"a_b": 2}}


def test_the_exact_spelling_wins_over_the_other():
    assert get("a-b", config={"a_b": 1, "a-b": 2}) == 2
    assert get("a_b", config={"a_b": 1, "a-b": 2}) == 1


def test_get_of_what_is_absent():
    c = {"x": 1, "y": {"a": None}}
    assert get("y.b", 5, config=c) == 5
    assert get("y.b", None, config=c) is None
    assert get("y.a", 5, config=c) is None
    for key in ("nokey", "y.b", "x.deeper", "y.a.deeper", ""):
        with pytest.raises(KeyError, match="no setting"):
            get(key, config=c)


def test_get_override_with():
    c = {"foo": "bar"}
    assert get("foo", config=c, override_with=None) == "bar"
    assert get("foo", config=c, override_with=False) is False


# --- set


def test_set_as_context_manager_restores_everything():
    c = {"a": {"b": 1}, "e_f": 0}
    with rask.config.set({"a.b": 2, "a.c.d": 3, "e-f": 4}, config=c, x__y=5):
        assert c == {"a": {"b": 2, "c": {"d": 3}}, "e_f": 4, "x": {"y": 5}}
    assert c == {"a": {"b": 1}, "e_f": 0}


def test_set_nests():
    c: dict = {}
    with rask.config.set({"abc": {"x": 123}}, config=c):
        with rask.config.set({"abc.y": 456}, config=c):
            assert c["abc"] == {"x": 123, "y": 456}
        assert c["abc"] == {"x": 123}
    assert c == {}


def test_set_kwargs_override_the_mapping():
    c: dict = {}
    rask.config.set({"foo": {"bar": 1, "baz": 2}}, config=c, foo__bar=4, foo__buzz=3)
    assert c == {"foo": {"bar": 4, "baz": 2, "buzz": 3}}


def test_set_replaces_a_section_given_as_a_mapping():
    c = {"a": {"b": 1}}
    with rask.config.set({"a": {"c": 2}}, config=c):
        assert c == {"a": {"c": 2}}
    assert c == {"a": {"b": 1}}


def test_set_does_not_reach_into_the_callers_dict():
    mine = {"bar": 1}
    c: dict = {}
    rask.config.set({"foo": mine}, config=c)
    rask.config.set({"foo.bar": 2}, config=c)
    assert mine == {"bar": 1}


@pytest.mark.parametrize("former", [5, None])
def test_set_below_what_is_no_section(former):
    c = {"a": former}
    with rask.config.set({"a.b.c": 1, "a.b.d": 2}, config=c):
        assert c == {"a": {"b": {"c": 1, "d": 2}}}
    assert c == {"a": former}


def test_set_survives_a_section_removed_in_between():
    c = {"a": {"b": 1}}
    with rask.config.set({"a.b": 2}, config=c):
        c["a"] = None
    assert c == {"a": None}


def test_set_accepts_what_cannot_be_copied():
    lock = threading.Lock()
    with rask.config.set(x=lock), rask.config.set(y=1):
        assert get("x") is lock


@pytest.mark.parametrize("arg", [5, [("a", 1)], {5: 1}])
def test_set_of_nonsense(arg):
    with pytest.raises(TypeError):
        rask.config.set(arg, config={})


# --- combining


def test_update_priorities():
    new = {"x": 3, "y": {"a": 3}}
    assert update({"x": 1, "y": {"b": 1}}, new) == {"x": 3, "y": {"a": 3, "b": 1}}
    assert update({"x": 1, "y": {"a": 1}}, new, priority="old") == {"x": 1, "y": {"a": 1}}
    assert update({"x": 1, "y": 2}, new, priority="old") == {"x": 1, "y": 2}
    assert update({"x": 1, "y": None}, new, priority="old") == {"x": 1, "y": {"a": 3}}
    assert update(
        {"x": 1, "y": {"a": 9}}, new, priority="new-defaults", defaults={"x": 1, "y": {"a": 1}}
    ) == {"x": 3, "y": {"a": 9}}
    with pytest.raises(ValueError, match="priority"):
        update({}, {}, priority="newest")


def test_merge_copies_sections():
    a = {"s": {"x": 1}}
    c = merge(a, {"s": {"y": 2}}, {"s": {"x": 3}})
    assert c == {"s": {"x": 3, "y": 2}}
    assert a == {"s": {"x": 1}}
    assert merge({"a": None}, {"a": {"b": 1}}) == {"a": {"b": 1}}
    assert merge({"a": [1]}, {"a": {"b": 1}}) == {"a": {"b": 1}}


def test_update_defaults_keeps_what_the_user_set():
    defaults = [{"a": 1, "b": {"c": 1}}, {"a": 2, "b": {"d": 2}}]
    current = {"a": 2, "b": {"c": 1, "d": 3}, "extra": 0}
    update_defaults({"a": 0, "b": {"c": 0, "d": 0}, "new": 0}, current, defaults=defaults)
    assert current == {"a": 0, "b": {"c": 0, "d": 3}, "extra": 0, "new": 0}
    assert len(defaults) == 3


def test_pop():
    c = {"foo": {"ba-r": 1, "baz": 2}, "n": 3}
    assert pop("foo.ba_r", config=c) == 1
    assert pop("nokey", 4, config=c) == 4
    assert pop("n.deeper", None, config=c) is None
    assert c == {"foo": {"baz": 2}, "n": 3}
    with pytest.raises(KeyError, match=r"foo\.nokey"):
        pop("foo.nokey", config=c)


# --- environment


def test_collect_env():
    env = {
        "RASK_A_B": "123",
        "RASK_E__X": "123",
        "RASK_E__Y": "[1, 'a']",
        "RASK_PATH": "/not/a/literal",
        "RASK_EMPTY": "",
        "RASK_OFF": "FALSE",
        "RASK_NIL": "null",
        "FOO": "not included",
        "rask_lower": "not included",
        "RASK_SECRET": "never in a dict that people print",
        "RASK_CONFIG": "says where, not what",
    }
    assert collect_env(env) == {
        "a_b": 123,
        "e": {"x": 123, "y": [1, "a"]},
        "path": "/not/a/literal",
        "empty": "",
        "off": False,
        "nil": None,
    }


def test_a_section_beside_a_value_in_the_environment_does_not_depend_on_their_order():
    expected = {"a": {"b": 2}}
    assert collect_env({"RASK_A": "1", "RASK_A__B": "2"}) == expected
    assert collect_env({"RASK_A__B": "2", "RASK_A": "1"}) == expected


def test_the_configuration_of_the_parent_process_is_inherited():
    env = {"RASK_INTERNAL_INHERIT_CONFIG": serialize({"a-b": {"c": 1, "d": 1}}), "RASK_A_B__D": "2"}
    assert collect_env(env) == {"a-b": {"c": 1, "d": 2}}


def test_scheduler_address_from_the_environment_lands_in_its_key():
    c: dict = {}
    refresh(c, paths=[], env={"RASK_SCHEDULER_ADDRESS": "tcp://10.0.0.1:8786"})
    assert c["scheduler-address"] == "tcp://10.0.0.1:8786"
    assert "scheduler_address" not in c


def test_distributed_keys_from_the_environment():
    c: dict = {}
    refresh(c, paths=[], env={"RASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "7"})
    assert get("distributed.scheduler.allowed-failures", config=c) == 7
    assert get("distributed.scheduler.worker-saturation", config=c) == 1.1


def test_expand_environment_variables(monkeypatch):
    monkeypatch.setenv("FOO", "foo")
    given = {
        "a": "$FOO",
        "b": [1, "${FOO}"],
        "c": {1, "$FOO"},
        "d": ("$FOO",),
        "$FOO": None,
        "e": "$UNKNOWN_",
    }
    assert expand_environment_variables(given) == {
        "a": "foo",
        "b": [1, "foo"],
        "c": {1, "foo"},
        "d": ("foo",),
        "$FOO": None,
        "e": "$UNKNOWN_",
    }


# --- files


def test_files_are_read_in_order(tmp_path):
    write_json(tmp_path / "2.json", {"k": 2, "j": 2})
    write_json(tmp_path / "1.json", {"k": 1, "i": 1})
    (tmp_path / "notes.txt").write_text("not configuration")
    last = write_json(tmp_path / "notes.conf.json", {"k": 3})
    assert list(collect_yaml([tmp_path])) == [{"k": 1, "i": 1}, {"k": 2, "j": 2}, {"k": 3}]
    assert collect([tmp_path], env={"RASK_J": "9"}) == {"k": 3, "i": 1, "j": 9}
    assert list(paths_containing_key("i", paths=[tmp_path])) == [tmp_path / "1.json"]
    assert list(collect_yaml([last, tmp_path / "absent.json"], return_paths=True)) == [(last, {"k": 3})]


def test_yaml(tmp_path):
    pytest.importorskip("yaml")
    (tmp_path / "a.yaml").write_text("x: 1\ny:\n  a: .inf\n")
    (tmp_path / "b.yml").write_text("")
    assert collect([tmp_path], env={}) == {"x": 1, "y": {"a": float("inf")}}


def test_yaml_without_pyyaml_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.yaml").write_text("x: 1\n")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pyyaml") as info:
        collect([tmp_path], env={})
    assert "a.yaml" in str(info.value)
    write_json(tmp_path / "b.json", {"x": 2})
    (tmp_path / "a.yaml").unlink()
    assert collect([tmp_path], env={}) == {"x": 2}


@pytest.mark.parametrize(("text", "reason"), [("{", "original error message"), ("[1]", "must have a dict")])
def test_malformed_file(tmp_path, text, reason):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=reason) as info:
        list(collect_yaml([tmp_path]))
    assert "a.json" in str(info.value) and "is malformed" in str(info.value)


def test_a_malformed_file_does_not_empty_the_configuration(tmp_path):
    (tmp_path / "a.json").write_text("{")
    c = {"kept": 1}
    with pytest.raises(ValueError, match="malformed"):
        refresh(c, paths=[tmp_path], env={})
    assert c == {"kept": 1}


def test_unreadable_file_is_left_out(tmp_path, monkeypatch):
    write_json(tmp_path / "a.json", {"x": 1})
    write_json(tmp_path / "b.json", {"y": 1})

    def guarded_open(path, *args, **kwargs):
        if os.fspath(path).endswith("a.json"):
            raise PermissionError(path)
        return open(path, *args, **kwargs)

    monkeypatch.setattr(rask.config, "open", guarded_open, raising=False)
    assert collect([tmp_path], env={}) == {"y": 1}


def test_search_paths(monkeypatch):
    monkeypatch.delenv("RASK_CONFIG", raising=False)
    monkeypatch.delenv("RASK_ROOT_CONFIG", raising=False)
    monkeypatch.setattr(site, "PREFIXES", [sys.prefix, "/some/prefix"])
    home = os.path.join(os.path.expanduser("~"), ".config", "rask")
    shared = [os.path.join(p, "etc", "rask") for p in (sys.prefix, "/some/prefix")]
    assert rask.config._search_paths() == ["/etc/rask", *shared, home]
    monkeypatch.setenv("RASK_CONFIG", "mine")
    monkeypatch.setenv("RASK_ROOT_CONFIG", "root")
    assert rask.config._search_paths() == ["root", *shared, home, "mine"]
    monkeypatch.setenv("RASK_CONFIG", home)
    assert rask.config._search_paths() == ["root", *shared, home]


def test_ensure_file(tmp_path):
    source = tmp_path / "source.yaml"
    source.write_text("# a comment\na:\n  b: 1\n")
    target = tmp_path / "deep" / "dest" / "source.yaml"
    ensure_file(source, target.parent)
    assert target.read_text() == "# a comment\n# a:\n#   b: 1\n"
    ensure_file(source, target.parent, comment=False)
    assert target.read_text().startswith("# a comment\n# a:"), "an existing file was overwritten"
    target.unlink()
    ensure_file(source, target.parent, comment=False)
    assert target.read_text() == source.read_text()
    assert os.listdir(target.parent) == ["source.yaml"]
    with pytest.raises(ValueError, match="comment=False"):
        ensure_file(tmp_path / "x.json", target.parent)


def test_ensure_file_goes_to_the_users_folder(tmp_path, monkeypatch):
    source = tmp_path / "source.yaml"
    source.write_text("a: 1\n")
    monkeypatch.setattr(rask.config, "PATH", str(tmp_path / "home"))
    ensure_file(source)
    assert (tmp_path / "home" / "source.yaml").exists()


# --- refresh, deprecations


def test_refresh_forgets_and_reads_again():
    defaults: list = []
    c: dict = {}
    update_defaults({"a": 1}, config=c, defaults=defaults)
    refresh(c, defaults=defaults, paths=[], env={"RASK_B": "2"})
    assert c == {"a": 1, "b": 2}
    refresh(c, defaults=defaults, paths=[], env={"RASK_C": "3"})
    assert c == {"a": 1, "c": 3}


def test_refresh_never_writes_to_the_shipped_defaults():
    c: dict = {}
    refresh(c, paths=[], env={})
    rask.config.set({"distributed.scheduler.allowed-failures": 99}, config=c)
    again: dict = {}
    refresh(again, paths=[], env={})
    assert get("distributed.scheduler.allowed-failures", config=again) == 3


def test_rename():
    aliases = {"foo-bar": "foo.bar", "x.y": "foo.y", "a.b": "ab", "not-found": "n", "super.old": "super"}
    c = {"foo_bar": 1, "x": {"y": 2, "z": 3}, "a": {"b": None}, "super": {"old": 4}}
    with pytest.warns(FutureWarning):
        found = rename(aliases, config=c)
    assert found == {"foo-bar": "foo.bar", "x.y": "foo.y", "a.b": "ab", "super.old": "super"}
    assert c == {"foo": {"bar": 1, "y": 2}, "x": {"z": 3}, "a": {}, "ab": None, "super": 4}


def test_deprecated_key_in_set_points_at_the_caller():
    with (
        pytest.warns(FutureWarning, match=r"optimization\.fuse\.ave-width") as info,
        rask.config.set(fuse_ave_width=123),
    ):
        assert get("optimization.fuse.ave-width") == 123
    assert info[0].filename == __file__


def test_deprecated_key_is_superseded_by_the_new_one_in_a_newer_file(tmp_path):
    write_json(tmp_path / "1.json", {"fuse-ave-width": 123})
    write_json(tmp_path / "2.json", {"optimization": {"fuse": {"ave-width": 789}}})
    c: dict = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refresh(c, defaults=[], paths=[tmp_path], env={})
    assert c == {"optimization": {"fuse": {"ave-width": 789}}}


def test_removed_key(tmp_path, monkeypatch):
    monkeypatch.setitem(rask.config.deprecations, "gone.key", None)
    with pytest.raises(ValueError, match=r"gone\.key"):
        rask.config.set({"gone.key": 1}, config={})
    write_json(tmp_path / "1.json", {"gone": {"key": 1}})
    c: dict = {}
    with pytest.warns(FutureWarning, match=r"ignore-deprecated\.gone\.key"):
        refresh(c, defaults=[], paths=[tmp_path], env={})
    assert c == {"gone": {}}
    write_json(tmp_path / "2.json", {"ignore-deprecated": {"gone": {"key": 1}}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refresh(c, defaults=[], paths=[tmp_path], env={})


# --- to other processes


def test_serialize_round_trip():
    data = {"a": {"b": [1, None, 2.5, "ø"]}, "max": float("inf")}
    assert deserialize(serialize(data)) == data


def test_serialize_names_the_culprit():
    with pytest.raises(TypeError, match=r"'a\.b'.*object"):
        serialize({"x": 1, "a": {"b": object()}})


@pytest.mark.parametrize("text", ["!!!", "", "aGVsbG8="])
def test_deserialize_garbage(text):
    with pytest.raises(ValueError, match="not a serialized configuration"):
        deserialize(text)


def test_import_loads_neither_yaml_nor_typing():
    folder = os.path.dirname(rask.config.__file__)
    script = (
        "import sys, types; before = set(sys.modules); rask = types.ModuleType('rask'); "
        f"rask.__path__ = [{folder!r}]; sys.modules['rask'] = rask; import rask.config; "
        "print(sorted({'yaml', 'json', 'typing', 'inspect', 'ast', 'numpy'} & (set(sys.modules) - before)))"
    )
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "RASK_ROOT_CONFIG": "/nonexistent"}
    out = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
