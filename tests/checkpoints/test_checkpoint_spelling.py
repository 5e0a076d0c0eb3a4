"""Renamings as lines of code: whatever the mapping, the line gives it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpost.checkpoints.spelling import spell_mapping


def renamed(mapping: dict[str, str], names: list[str]) -> list[str]:
    """Return the names after the line that spells a mapping."""
    _, line = spell_mapping(mapping, names, [*mapping.values()])
    scope: dict[str, Any] = {"state": {name: name for name in names}}
    exec(line, scope)
    return [*scope["state"]]


@pytest.mark.parametrize(
    ("mapping", "part"),
    [
        ({"module.a.w": "a.w", "module.b.w": "b.w"}, "removeprefix('module.')"),
        ({"a.w": "net.a.w", "b.w": "net.b.w"}, "'net.' + k"),
        ({"a._orig_mod.w": "a.w", "_orig_mod.b.w": "b.w"}, "replace('._orig_mod.', '.')"),
        ({"a.w": "x.w", "b.w": "y.z.w"}, ".items() if k.startswith(a)"),
        ({"a.w": "x.v", "a.w_v": "y.u"}, "'a.w_v': 'y.u'"),
        ({"w": "v", "w.a": "v.b"}, ""),
    ],
)
def test_the_shortest_line_that_gives_the_mapping(mapping: dict[str, str], part: str) -> None:
    """Prefixes, parts of wrappers, tables of beginnings, whole names."""
    names = [*mapping]
    assert renamed(mapping, names) == [mapping[name] for name in names]
    assert part in spell_mapping(mapping, names, [*mapping.values()])[1]


def test_other_names_stay_as_they_are() -> None:
    """What is not in the mapping takes no name of it."""
    names = ["module.a.w", "b.w", "module_x.w"]
    found = renamed({"module.a.w": "a.w"}, names)
    assert found == ["a.w", "b.w", "module_x.w"]


WORDS = st.lists(st.sampled_from(["a", "b", "module", "w", "w_v", "0"]), min_size=1, max_size=4)
NAMES = st.lists(WORDS.map(".".join), min_size=1, max_size=8, unique=True)


@given(NAMES, NAMES)
def test_every_mapping_has_a_line(old: list[str], new: list[str]) -> None:
    """Any mapping of names to other names is spelled so that the line gives it."""
    size = min(len(old), len(new))
    mapping = dict(zip(old[:size], new[:size], strict=True))
    if all(a == b for a, b in mapping.items()):
        return
    assert renamed(mapping, [*mapping]) == [*mapping.values()]
