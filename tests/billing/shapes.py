"""What the pinned version of the processor says about its objects, read from the typed resources of the `stripe` library.

`complaints(value)` says what in an answer no resource declares; `follow(kind, path)` where a path of billing leads.
"""

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from stripe._object_classes import OBJECT_CLASSES

SCALARS = {"str": str, "int": int, "bool": bool, "float": (int, float), "Decimal": (str, int, float)}


@dataclass(frozen=True)
class Shape:
    """A class of the library: its annotated fields, and where the names in them lead."""

    module: str
    path: tuple[str, ...]

    @property
    def node(self) -> ast.ClassDef:
        body: list[ast.stmt] = _tree(self.module).body
        found = None
        for name in self.path:
            found = next(one for one in body if isinstance(one, ast.ClassDef) and one.name == name)
            body = found.body
        assert found is not None
        return found

    def fields(self) -> dict[str, ast.expr]:
        return _fields(self)

    def named(self, name: str) -> "Shape":
        """The class that a name in an annotation of this one means: a nested one, or one that the module imports."""
        for depth in range(len(self.path), 0, -1):
            inner = Shape(self.module, (*self.path[:depth], name))
            try:
                inner.node  # noqa: B018
            except StopIteration:
                continue
            return inner
        if name in _imports(self.module):
            module, original = _imports(self.module)[name]
            return Shape(module, (original,))
        return Shape(self.module, (name,))


@cache
def _fields(shape: Shape) -> dict[str, ast.expr]:
    found = {}
    for one in shape.node.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            annotation = _unquoted(one.annotation)
            if not ast.unparse(annotation).startswith("ClassVar") and not one.target.id.startswith("_"):
                found[one.target.id] = annotation
    for one in shape.node.body:  # `items`, where a field would hide a method of the base class
        if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "_field_remappings":
            for mine, theirs in ast.literal_eval(one.value).items():
                found[theirs] = found.pop(mine)
    return found


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(module)))


@cache
def _imports(module: str) -> dict[str, tuple[str, str]]:
    found = {}
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                found[alias.asname or alias.name] = (node.module, alias.name)
    return found


def _unquoted(annotation: ast.expr) -> ast.expr:
    class Unquote(ast.NodeTransformer):
        def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
            if ast.unparse(node.value).endswith("Literal"):
                return node
            return self.generic_visit(node)

        def visit_Constant(self, node: ast.Constant) -> ast.AST:
            return (
                self.visit(ast.parse(node.value, mode="eval").body) if isinstance(node.value, str) else node
            )

    done: ast.expr = Unquote().visit(annotation)
    return done


@cache
def shape_of(kind: str) -> Shape:
    """The class of a kind of object, as `object` names it."""
    if kind == "line_item":
        return Shape("stripe._invoice_line_item", ("InvoiceLineItem",))
    module, name = OBJECT_CLASSES[kind]
    return Shape(module, (name,))


# --- answers ------------------------------------------------------------------------------------------------


def complaints(value: Any, where: str = "") -> Iterator[str]:
    """What in an object (with its kind in `object`) is declared nowhere, or of another sort than declared."""
    kind = value["object"]
    where = where or kind
    if kind == "list":
        for member in value["data"]:
            yield from complaints(member, f"{where}[]")
        return
    if value.get("deleted"):
        value = {name: value[name] for name in value if name not in ("deleted",)}
    yield from _in(value, shape_of(kind), where)


def _in(value: dict[str, Any], shape: Shape, where: str) -> Iterator[str]:
    fields = shape.fields()
    for name, inner in value.items():
        if name not in fields:
            yield f"{where}.{name} is declared nowhere"
        else:
            yield from _fits(inner, fields[name], shape, f"{where}.{name}")


def missing(value: dict[str, Any], *, but: tuple[str, ...] = ()) -> set[str]:
    """Fields that an object never lacks in the library's eyes and that this one lacks."""
    required = {
        name
        for name, annotation in shape_of(value["object"]).fields().items()
        if not ast.unparse(annotation).startswith("Optional")
    }
    return required - set(value) - set(but)


def _fits(value: Any, annotation: ast.expr, shape: Shape, where: str) -> Iterator[str]:
    """Nothing when the value fits; else every complaint of the alternative that fits best."""
    name, inner = _parts(annotation)
    if name == "Optional":
        if value is not None:
            yield from _fits(value, inner[0], shape, where)
    elif name == "Union":
        literal = [one for one in inner if _parts(one)[0] == "Literal"]
        options = literal or inner  # `Union[Literal[…], str]`: what the version knows, and later words
        tried = [list(_fits(value, option, shape, where)) for option in options]
        yield from min(tried, key=len)
    elif name == "Literal":
        allowed = {ast.literal_eval(one) for one in inner}
        if value not in allowed:
            yield f"{where} is {value!r}, none of {sorted(map(str, allowed))[:12]}"
    elif name == "List":
        if not isinstance(value, list):
            yield f"{where} is no list"
        else:
            for one in value:
                yield from _fits(one, inner[0], shape, f"{where}[]")
    elif name == "ListObject":
        if not isinstance(value, dict) or value.get("object") != "list":
            yield f"{where} is no list object"
        else:
            for one in value["data"]:
                yield from _fits(one, inner[0], shape, f"{where}.data[]")
    elif name == "ExpandableField":
        if not isinstance(value, str):
            yield from _fits(value, inner[0], shape, where)
    elif name in ("UntypedStripeObject", "Dict"):
        if not isinstance(value, dict):
            yield f"{where} is no object"
        elif name == "UntypedStripeObject" and _parts(inner[0])[0] != "Any":
            for key, one in value.items():
                yield from _fits(one, inner[0], shape, f"{where}.{key}")
    elif name in SCALARS:
        is_bool = isinstance(value, bool)
        if not isinstance(value, SCALARS[name]) or (is_bool and name != "bool"):  # type: ignore[arg-type]
            yield f"{where} is {value!r}, no {name}"
    elif name != "Any":
        if isinstance(value, dict):
            yield from _in(value, shape.named(name), where)
        else:
            yield f"{where} is {value!r}, no {name}"


def _parts(annotation: ast.expr) -> tuple[str, list[ast.expr]]:
    if isinstance(annotation, ast.Subscript):
        inner = annotation.slice
        return ast.unparse(annotation.value).split(".")[-1], (
            list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]
        )
    return ast.unparse(annotation).split(".")[-1], []


# --- paths --------------------------------------------------------------------------------------------------


def follow(kind: str, path: str, *fields: str) -> str | None:
    """What is wrong with a path that billing reads of that kind of object, or with fields of the members of the list
    that it leads to; None when they lead somewhere."""
    try:
        shape: Shape | None = shape_of(kind)
    except KeyError:
        return f"{kind} is no kind of object"
    found, inside = _walk(shape, f"{kind}.{path}", path)
    for field in fields if found is None else ():
        if inside is None:
            return f"{kind}.{path} is no list of objects"
        found = found or _walk(inside, f"{kind}.{path}[].{field}", field)[0]
    return found


def _walk(shape: Shape | None, whole: str, path: str) -> tuple[str | None, Shape | None]:
    """The complaint, and the class of the members where the path ends at a list."""
    annotation: ast.expr | None = None
    inside: Shape | None = None
    for name in path.split("."):
        if shape is None:
            return f"{whole}: nothing is known at {name}", None
        if isinstance(annotation, ast.expr) and _parts(annotation)[0] == "ListObject":
            if name not in ("data", "has_more", "url"):
                return f"{whole}: a list has no {name}", None
            members = _parts(_parts(annotation)[1][0])[0] if name == "data" else ""
            annotation, members_of, shape = None, shape if members else None, None
            inside = members_of.named(members) if members_of else None
            continue
        if name not in shape.fields():
            return f"{whole}: {'.'.join(shape.path)} has no {name}", None
        annotation = shape.fields()[name]
        while _parts(annotation)[0] in ("Optional", "ExpandableField"):
            annotation = _parts(annotation)[1][0]
        if _parts(annotation)[0] == "ListObject":
            continue
        inner, below = _parts(annotation)
        if inner == "UntypedStripeObject":
            return None, None  # metadata: its keys are ours
        while inner in ("List", "Optional", "ExpandableField") and below:
            inside = None
            inner, below = _parts(below[0])
            if inner not in (*SCALARS, "Union", "Literal", "Any", "ExpandableField", "Optional"):
                inside = shape.named(inner)
        is_object = _parts(annotation)[0] not in (*SCALARS, "Union", "Literal", "List", "Any")
        shape = shape.named(inner) if is_object else None
    return None, inside
