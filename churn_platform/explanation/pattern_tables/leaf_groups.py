"""Trees → groups of leaves that share few conditions, each small enough for a table.

Belongs here: which leaves share a table. Does not belong here: what the table holds (`build`).

A tree stays whole if its table has at most `max_entries` patterns; else its two sub-trees are looked at, each with the
conditions of its ancestors, and so on down to a single leaf. The contributions of a tree are the sum over its leaves,
so any grouping gives the same answer; it decides only time and memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from churn_platform.explanation.pattern_tables.ensemble import Node

Condition = tuple[int, float]  # column, threshold


@dataclass(frozen=True, slots=True)
class Step:
    """One branch on the way to a leaf: the condition, whether it must be met, and the share of rows that took it."""

    column: int
    threshold: float
    right: bool
    share: float


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a row adds when it meets every step of the path."""

    value: float
    path: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class LeafGroup:
    """Leaves that share a table, and the thresholds of their conditions by column, ascending."""

    leaves: tuple[Leaf, ...]
    thresholds: dict[int, tuple[float, ...]]

    @property
    def entries(self) -> int:
        """How many patterns there are: per column the place of a value among its thresholds, all columns multiplied."""
        return _patterns(self.thresholds)


def leaf_groups(tree: tuple[Node, ...], max_entries: int) -> Iterator[LeafGroup]:
    """The groups of one tree, left to right. A single leaf is a group even if its path alone needs more entries."""
    below = _conditions_below(tree)
    waiting: list[tuple[int, tuple[Step, ...]]] = [(0, ())]
    while waiting:
        root, path = waiting.pop()
        node = tree[root]
        thresholds = _by_column(below[root] | {(step.column, step.threshold) for step in path})
        if node.column < 0 or _patterns(thresholds) <= max_entries:
            yield LeafGroup(tuple(_leaves(tree, root, path)), thresholds)
        else:
            waiting += [(node.right, (*path, _right(node))), (node.left, (*path, _left(node)))]


def _left(node: Node) -> Step:
    return Step(node.column, node.threshold, False, node.share_left)


def _right(node: Node) -> Step:
    return Step(node.column, node.threshold, True, node.share_right)


def _leaves(tree: tuple[Node, ...], root: int, path: tuple[Step, ...]) -> Iterator[Leaf]:
    node = tree[root]
    if node.column < 0:
        yield Leaf(node.value, path)
    else:
        yield from _leaves(tree, node.left, (*path, _left(node)))
        yield from _leaves(tree, node.right, (*path, _right(node)))


def _conditions_below(tree: tuple[Node, ...]) -> dict[int, frozenset[Condition]]:
    """For each node reachable from the root, the conditions of the splits at and below it."""
    found: dict[int, frozenset[Condition]] = {}

    def visit(root: int) -> frozenset[Condition]:
        node = tree[root]
        own: frozenset[Condition] = frozenset()
        if node.column >= 0:
            own = frozenset({(node.column, node.threshold)}) | visit(node.left) | visit(node.right)
        found[root] = own
        return own

    visit(0)
    return found


def _by_column(conditions: frozenset[Condition] | set[Condition]) -> dict[int, tuple[float, ...]]:
    columns: dict[int, list[float]] = {}
    for column, threshold in sorted(conditions):
        columns.setdefault(column, []).append(threshold)
    return {column: tuple(thresholds) for column, thresholds in columns.items()}


def _patterns(thresholds: dict[int, tuple[float, ...]]) -> int:
    entries = 1
    for values in thresholds.values():
        entries *= len(values) + 1
    return entries
