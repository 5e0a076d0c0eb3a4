"""Changes of an ONNX graph: nodes are added under new names, and those without a use removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from segpost._core.arrays import Array


class GraphBuilder:
    """Adds nodes to the graph of an `onnx.ModelProto`, which it changes."""

    def __init__(self, onnx: Any, model: Any) -> None:
        self.onnx, self.model, self.graph = onnx, model, model.graph
        self.names = set(_all_names(self.graph))

    def new_name(self, word: str) -> str:
        """Return a name that nothing in the graph has."""
        name, number = word, 1
        while name in self.names:
            number += 1
            name = f"segpost_{word}" if number == 2 else f"segpost_{word}_{number}"
        self.names.add(name)
        return name

    def add(
        self,
        word: str,
        inputs: Sequence[str],
        outputs: Sequence[str] = (),
        domain: str = "",
        **attributes: Any,
    ) -> str:
        """Add a node, and return the name of its first output."""
        names = list(outputs) or [self.new_name(f"segpost_{word.lower()}")]
        node = self.onnx.helper.make_node(
            word,
            list(inputs),
            names,
            name=self.new_name(f"segpost/{word}"),
            domain=domain or None,
            **attributes,
        )
        self.graph.node.append(node)
        return names[0]

    def constant(self, value: Array) -> str:
        """Add a constant; nodes of constants are allowed in every version of the format."""
        return self.add("Constant", [], value=self.onnx.numpy_helper.from_array(value))

    def rename(self, words: dict[str, str]) -> tuple[str, ...]:
        """Rename tensors of added nodes to words, as far as they are free; return the names."""
        self.names = set(_all_names(self.graph))
        new = {name: self.new_name(word) for name, word in words.items()}
        for node in self.graph.node:
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    if name in new:
                        names[place] = new[name]
        return tuple(new.values())

    def use_domain(self, domain: str, version: int) -> None:
        """Declare a domain of operators."""
        if all(entry.domain != domain for entry in self.model.opset_import):
            self.model.opset_import.append(self.onnx.helper.make_opsetid(domain, version))

    def remove_unused(self, tensor: str) -> None:
        """Remove what makes a tensor and has no other use, constants included."""
        used = _used_names(self.graph)
        producers = {name: node for node in self.graph.node for name in node.output if name}
        remaining = [tensor]
        while remaining:
            name = remaining.pop()
            node = producers.get(name)
            if node is None:
                if name and not used.get(name):
                    self._remove_initializer(name)
                continue
            if any(used.get(output) for output in node.output):
                continue
            self.graph.node.remove(node)
            for output in node.output:
                producers.pop(output, None)
            for source in _inputs_of(node):
                used[source] = used.get(source, 0) - 1
                if used[source] <= 0:
                    remaining.append(source)

    def _remove_initializer(self, name: str) -> None:
        inputs = {entry.name for entry in self.graph.input}
        for tensor in self.graph.initializer:
            if tensor.name == name and name not in inputs:
                self.graph.initializer.remove(tensor)
                return


def _inputs_of(node: Any) -> Iterator[str]:
    """Yield the names that a node reads, those of its subgraphs included."""
    yield from (name for name in node.input if name)
    for graph in _subgraphs(node):
        for inner in graph.node:
            yield from _inputs_of(inner)
        yield from (entry.name for entry in graph.output)


def _subgraphs(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _used_names(graph: Any) -> dict[str, int]:
    """Return how often every name is read."""
    used: dict[str, int] = {}
    for node in graph.node:
        for name in _inputs_of(node):
            used[name] = used.get(name, 0) + 1
    for entry in graph.output:
        used[entry.name] = used.get(entry.name, 0) + 1
    return used


def _all_names(graph: Any) -> Iterator[str]:
    """Yield all names in a graph and its subgraphs."""
    for entries in (graph.input, graph.output, graph.initializer, graph.value_info):
        yield from (entry.name for entry in entries)
    yield from (tensor.values.name for tensor in graph.sparse_initializer)
    for node in graph.node:
        yield node.name
        yield from node.input
        yield from node.output
        for inner in _subgraphs(node):
            yield from _all_names(inner)
