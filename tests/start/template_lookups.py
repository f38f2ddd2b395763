"""What Django would look up in a template: recorded while Django compiles it, by Django's own nodes."""

from typing import Any

import pytest
from django.template import Engine
from django.template.base import Variable
from django.templatetags import i18n

Key = tuple[str, str]  # (context or "", singular)


def looked_up(source: str, engine: Engine) -> set[Key]:
    keys: set[Key] = set()
    with pytest.MonkeyPatch.context() as patch:
        _after(patch, Variable, lambda node: node.translate and keys.add(("", _doubled(node.literal))))
        _after(patch, i18n.TranslateNode, lambda node: keys.update(_of_translate(node)))
        _after(patch, i18n.BlockTranslateNode, lambda node: keys.add(_of_block(node)))
        engine.from_string(source)
    return keys


def _after(patch: pytest.MonkeyPatch, node: type, note: Any) -> None:
    original = node.__init__  # type: ignore[misc]

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        note(self)

    patch.setattr(node, "__init__", init)


def _doubled(text: str) -> str:
    return str(text).replace("%", "%%")


def _of_translate(node: i18n.TranslateNode) -> list[Key]:
    literal = node.filter_expression.var.literal
    return [(_context(node), _doubled(literal))] if literal is not None else []


def _of_block(node: i18n.BlockTranslateNode) -> Key:
    return _context(node), node.render_token_list(node.singular)[0]


def _context(node: Any) -> str:
    return str(node.message_context.var) if node.message_context else ""
