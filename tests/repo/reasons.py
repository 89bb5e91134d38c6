"""Finds every word that the operator can give as a `reason`, by reading its source."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "operator" / "runbook_operator"
WORD = re.compile(r"[A-Z][A-Za-z]+")


class Package:
    """The parsed source files, their constants, and where each class or function takes a `reason`."""

    def __init__(self, texts: list[str]) -> None:
        trees = [ast.parse(text) for text in texts]
        self.nodes = [node for tree in trees for node in ast.walk(tree)]
        self.constants: dict[str, set[str]] = defaultdict(set)
        self.positions: dict[str, set[int]] = defaultdict(set)
        for tree in trees:
            for statement in tree.body:
                self._note_constant(statement)
        for node in self.nodes:
            self._note_parameter(node)
        for node in self.nodes:
            self._note_partial(node)

    def reasons(self) -> set[str]:
        """The words that are written as plain strings where a reason belongs; members of Reason are not among them."""
        found = {word for node in self.nodes for one in self._expressions(node) for word in self._words(one)}
        return {word for word in found if WORD.fullmatch(word)}

    def assigned(self, name: str) -> set[str]:
        """The plain strings that are assigned to a variable of this name."""
        return {word for node in self.nodes for one in _assigned(node, name) for word in self._words(one)}

    def _note_constant(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            held = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
            texts = {one.value for one in held if isinstance(one, ast.Constant) and isinstance(one.value, str)}
            for target in targets:
                self.constants[_name(target)] |= texts

    def _note_parameter(self, node: ast.AST) -> None:
        names = _parameters(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and "reason" in names:
            self.positions[node.name].add(names.index("reason"))

    def _note_partial(self, node: ast.AST) -> None:
        """`said = partial(Words, …)` takes a reason where Words does."""
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _name(node.value.func) == "partial":
            whole, *given = node.value.args
            for target in node.targets:
                self.positions[_name(target)] |= {place - len(given) for place in self.positions.get(_name(whole), ())}

    def _expressions(self, node: ast.AST) -> Iterator[ast.expr]:
        """The expressions that this node uses as a reason."""
        yield from _assigned(node, "reason")
        if isinstance(node, ast.Call):
            yield from (one.value for one in node.keywords if one.arg == "reason")
            places = self.positions.get(_name(node.func), set())
            yield from (one for place, one in enumerate(node.args) if place in places)

    def _words(self, node: ast.expr) -> Iterator[str]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Name | ast.Attribute):
            yield from self.constants.get(_name(node), ())
        elif isinstance(node, ast.Subscript):
            yield from self._words(node.value)
        elif isinstance(node, ast.IfExp | ast.BoolOp):
            parts = node.values if isinstance(node, ast.BoolOp) else (node.body, node.orelse)
            yield from (word for one in parts for word in self._words(one))


@cache
def package() -> Package:
    """The operator's own source."""
    return Package([path.read_text() for path in sorted(SOURCES.rglob("*.py"))])


def _name(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _parameters(node: ast.AST) -> list[str]:
    """Of a function, or of a class: those of its `__init__`, or its fields."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        names = [one.arg for one in node.args.args]
        return names[1:] if names[:1] in (["self"], ["cls"]) else names
    if not isinstance(node, ast.ClassDef):
        return []
    made = next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None)
    if made:
        return _parameters(made)
    return [_name(one.target) for one in node.body if isinstance(one, ast.AnnAssign)]


def _assigned(node: ast.AST, name: str) -> Iterator[ast.expr]:
    if isinstance(node, ast.AnnAssign) and _name(node.target) == name and node.value:
        yield node.value
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if _name(target) == name:
                yield node.value
            elif isinstance(target, ast.Tuple):
                yield from _of_tuple(target, node.value, name)


def _of_tuple(target: ast.Tuple, value: ast.expr, name: str) -> Iterator[ast.expr]:
    """The part of `reason, message = …` that is the reason; of a conditional one, that of both branches."""
    if isinstance(value, ast.IfExp):
        yield from _of_tuple(target, value.body, name)
        yield from _of_tuple(target, value.orelse, name)
    elif isinstance(value, ast.Tuple):
        yield from (given for one, given in zip(target.elts, value.elts, strict=False) if _name(one) == name)
