"""Groups of classes: categories, which may be trees of groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Union

from segpost.metrics.arguments import as_class_number

# A group is a sequence of classes, or a mapping of groups by name.
Groups = Mapping[str, Union[Sequence[int | str], "Groups"]]
GroupTree = dict[str, Union[tuple[int, ...], "GroupTree"]]
SEPARATOR = "/"  # between the name of a group and those above it


class Group(NamedTuple):
    """A group of classes of a tree.

    Attributes
    ----------
    name : str
        With the names of the groups above it, as in "vehicle/large".
    level : int
        Groups above it.
    members : tuple of int
        All of its classes.
    """

    name: str
    level: int
    members: tuple[int, ...]


def as_groups(groups: object, classes: int, names: Sequence[str] | None) -> GroupTree | None:
    """Return groups of classes, of their numbers or names, which must be disjoint.

    Raises
    ------
    TypeError, ValueError
        If they are no tree of names and classes, or a class is in two groups.
    """
    if groups is None:
        return None
    if not isinstance(groups, Mapping):
        raise TypeError(f"groups must be a mapping of names to classes, got {groups!r}")
    tree = _as_tree(groups, classes, names, set())
    paths = [group.name for group in list_groups(tree)]
    if len(set(paths)) < len(paths):
        path = next(path for path in paths if paths.count(path) > 1)
        raise ValueError(f"groups: {path!r} is the name of two groups")
    return tree


def list_groups(tree: Mapping[str, Any]) -> list[Group]:
    """Return all groups of a tree, each before those in it."""
    return list(_walk(tree, "", 0))


def top_groups(tree: Mapping[str, Any] | None) -> dict[str, tuple[int, ...]]:
    """Return the groups that are in no other, with all of their classes."""
    return {group.name: group.members for group in list_groups(tree or {}) if not group.level}


def plain_groups(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tree as plain data."""
    return {
        name: plain_groups(inner) if isinstance(inner, Mapping) else list(inner)
        for name, inner in tree.items()
    }


def _as_tree(
    groups: Mapping[Any, Any], classes: int, names: Sequence[str] | None, seen: set[int]
) -> GroupTree:
    """Return a tree of class numbers; `seen` are the classes of groups before."""
    result: GroupTree = {}
    for name, members in groups.items():
        is_one = isinstance(members, (str, bytes)) or not isinstance(members, Iterable)
        if not isinstance(name, str) or is_one:
            hint = f"; one class is a list, too: [{members!r}]" if is_one else ""
            raise TypeError(f"groups must map names to classes, got {name!r}: {members!r}{hint}")
        if isinstance(members, Mapping):
            result[name] = _as_tree(members, classes, names, seen)
            continue
        labels = [as_class_number(member, "groups", names) for member in members]
        wrong = [c for c in labels if not 0 <= c < classes or c in seen or labels.count(c) > 1]
        if wrong:
            raise ValueError(
                f"groups: {name!r} has class {wrong[0]}, which is "
                + ("in two groups or twice" if 0 <= wrong[0] < classes else f"not below {classes}")
            )
        seen.update(labels)
        result[name] = tuple(labels)
    return result


def _walk(tree: Mapping[str, Any], above: str, level: int) -> Iterator[Group]:
    for name, inner in tree.items():
        path = above + name
        if not isinstance(inner, Mapping):
            yield Group(path, level, tuple(inner))
            continue
        below = list(_walk(inner, path + SEPARATOR, level + 1))
        members = [c for group in below if group.level == level + 1 for c in group.members]
        yield Group(path, level, tuple(members))
        yield from below
