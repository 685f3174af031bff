"""Mutants: one place of a file written otherwise. Pure: source text in, source text out."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NO_FAIL = frozenset(
    {
        *("NotDeclared", "Unsupported", "InconclusiveError", "InWarningBand"),
        *("expect_field", "expect_scraped"),
    }
)
"""What ends a check otherwise than in a fail: no fault can notice it missing, since faults make checks fail."""
_COMPARED: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
_COMPUTED: dict[type[ast.operator], str] = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "*", ast.Pow: "*",
    ast.BitAnd: "|", ast.BitOr: "&",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """Bytes of a source that are replaced."""

    line: int
    function: str
    """The function that it is in."""
    begin: int
    end: int
    text: str
    was: str


class Source:
    """A source with its syntax tree, and byte offsets for its nodes."""

    def __init__(self, text: str) -> None:
        self.raw, self.tree = text.encode(), ast.parse(text)
        self._starts = [0]
        for line in text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line.encode()))

    def change(self, function: str, node: ast.AST, text: str) -> Change:
        """Write a node otherwise; its old text is cut at the first line."""
        assert isinstance(node, ast.stmt | ast.expr)
        begin, end = self._at(node.lineno, node.col_offset), self._at(node.end_lineno, node.end_col_offset)
        was = self.raw[begin:end].decode().splitlines()[0]
        return Change(node.lineno, function, begin, end, text, was)

    def text_of(self, node: ast.expr) -> str:
        """A node's text as it stands there."""
        begin = self._at(node.lineno, node.col_offset)
        return self.raw[begin : self._at(node.end_lineno, node.end_col_offset)].decode()

    def _at(self, line: int | None, column: int | None) -> int:
        assert line is not None
        assert column is not None
        return self._starts[line - 1] + column


def mutated(text: str, changes: Sequence[Change]) -> str:
    """A source with changes that do not overlap."""
    raw = text.encode()
    for change in sorted(changes, key=lambda change: change.begin, reverse=True):
        raw = raw[: change.begin] + change.text.encode() + raw[change.end :]
    return raw.decode()


def functions_of(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Each node within a function, with the name of the outermost one (of a class: ``Class.method``)."""
    for outer in tree.body:
        inner = outer.body if isinstance(outer, ast.ClassDef) else [outer]
        prefix = f"{outer.name}." if isinstance(outer, ast.ClassDef) else ""
        for function in inner:
            if isinstance(function, ast.FunctionDef):
                yield from ((prefix + function.name, node) for part in function.body for node in ast.walk(part))


def judgements(text: str) -> list[Change]:
    """Every statement that can make a check fail, switched off: what it asks is still worked out, and not judged."""
    source = Source(text)
    return [
        source.change(function, node, instead)
        for function, node in functions_of(source.tree)
        if (instead := _switched_off(source, node)) is not None
    ]


def _switched_off(source: Source, node: ast.AST) -> str | None:
    match node:
        case ast.Assert(test=test) if not _narrows(node):
            return f"({source.text_of(test)})"
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name))) if name not in NO_FAIL:
            return "pass"
        case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=args)) if _judges(name):
            return f"({''.join(f'({source.text_of(arg)}), ' for arg in args)})"
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))) if name.startswith("expect_"):
            return "pass"
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="flaws"), attr="append" | "extend"))):
            return "pass"
    return None


def _narrows(node: ast.Assert) -> bool:
    """Whether an assertion only tells the type checker what a fixture has seen to: it says nothing to people."""
    return node.msg is None and isinstance(node.test, ast.Compare) and isinstance(node.test.ops[0], ast.IsNot)


def _judges(function: str) -> bool:
    """Whether a call to it may make a check fail."""
    return function not in NO_FAIL and (function == "settle" or function.startswith("expect_"))


def turned(text: str) -> list[Change]:
    """Every comparison, condition, operator, truth value, number and result in a module's functions, otherwise."""
    source = Source(text)
    return [
        source.change(function, part, instead)
        for function, node in functions_of(source.tree)
        for part, instead in _otherwise(source, node)
    ]


def _otherwise(source: Source, node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    text = source.text_of
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            yield node, f"({text(left)} {_COMPARED[type(op)]} {text(right)})"
        case ast.BoolOp(op=op, values=values):
            word = " or " if isinstance(op, ast.And) else " and "
            yield node, f"({word.join(map(text, values))})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, f"bool({text(operand)})"
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTED:
            yield node, f"({text(left)} {_COMPUTED[type(op)]} {text(right)})"
        case ast.Constant(value=bool(value)):
            yield node, str(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield node, f"({value!r} + 1)"
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if _is_plain(test):
            yield test, f"(not ({text(test)}))"
        case ast.comprehension(ifs=ifs):
            yield from ((test, f"(not ({text(test)}))") for test in ifs if _is_plain(test))
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield value, "None"


def _is_plain(test: ast.expr) -> bool:
    """A condition that no other mutant turns."""
    return isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.NamedExpr)
