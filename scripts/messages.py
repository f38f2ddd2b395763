"""The texts that people read: found in the code, kept in a catalogue per app and language, compiled.

`python -m scripts.messages extract|compile|check|typeset`, without gettext's binaries and without Django's settings.
English is the source and has no catalogue; a catalogue is `<app>/locale/<language>/LC_MESSAGES/django.po` and
holds the texts of its own folder. What is done with a text at run time is Django's business.
"""

import argparse
import ast
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Any

import django
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract as babel_extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import PoFileError, read_po, write_po
from django.utils.translation import to_locale
from django.utils.translation.template import templatize

from scripts.typography import BRACES, NAMED, POSITIONAL, TAG, typeset

LANGUAGES = ("fr", "nl", "de")
# The website speaks more languages than the application yet. Their catalogues hold what its visitors read and nothing else:
# texts of files that match. tests/website/test_languages.py finds what is missing here.
VISITORS_LANGUAGES = {"nl", "de"}
VISITORS_FILES = (
    "billing/catalogue.py",
    "shared_apps/website/*",
    "shared_apps/promises/catalogue.py",
    "shared_apps/promises/checking.py",
    "shared_apps/promises/checks/*",
    "shared_apps/promises/words.py",
    "shared_apps/promises/templates/promises/page.html",
    "shared_apps/legal/differences.py",
    "shared_apps/legal/documents.py",
    "shared_apps/sharing/listing.py",
    "shared_apps/sharing/templates/sharing/components/p*.html",
    "shared_apps/mail/templates/mail/refuse*.html",
    "shared_apps/kit/cookies.py",
    "shared_apps/kit/templates/[45]*.html",
    "shared_apps/kit/templates/kit/base.html",
    "shared_apps/kit/templates/kit/card.html",
    "shared_apps/kit/templates/kit/checking.html",
    "shared_apps/kit/templates/kit/site.html",
    "shared_apps/kit/templates/kit/state.html",
    "shared_apps/kit/templates/kit/components/languages.html",
    "shared_apps/kit/templates/kit/components/site_entries.html",
)
ROOT = Path(__file__).resolve().parent.parent
APPS = ("config", "tenants", "billing", "shared_apps/*", "tenant_apps/*")
KIT = "shared_apps/kit"
SKIPPED = {"__pycache__", "locale", "migrations", "node_modules"}
DJANGO_CATALOGUES = ("conf", "contrib/auth")

CONTEXT = (1, "c")
KEYWORDS: dict[str, Any] = {
    "_": (1,), "gettext": (1,), "gettext_lazy": (1,), "gettext_noop": (1,),
    "ngettext": (1, 2), "ngettext_lazy": (1, 2),
    "pgettext": (CONTEXT, 2), "pgettext_lazy": (CONTEXT, 2),
    "npgettext": (CONTEXT, 2, 3), "npgettext_lazy": (CONTEXT, 2, 3),
}  # fmt: skip
COMMENT_TAG = "Translators"

Key = tuple[str, str]  # (context or "", singular): what gettext looks up
Call = tuple[int, str, list[str | None], list[str]]  # line, function, literals, comments for translators


@dataclass
class Text:
    """A text of the code: `id` is the msgid or (singular, plural); `files` are relative to the root."""

    id: str | tuple[str, str]
    context: str | None
    files: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


@dataclass
class Found:
    """An app's texts in order of file and line, and the calls that gettext could never look up."""

    texts: dict[Key, Text] = field(default_factory=dict)
    refused: list[tuple[str, int, str]] = field(default_factory=list)  # file, line, reason


class BrokenCatalogue(Exception):
    """A .po file that doesn't follow the format, which a person has to mend."""


@dataclass(frozen=True)
class Problem:
    """What keeps a reader from a right translation; `where` is a catalogue or a source file with its line."""

    where: str
    kind: str
    text: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.kind}: {self.text!r}" + (f" ({self.detail})" if self.detail else "")


# --- finding texts in the code ----------------------------------------------------------------------------


def apps(root: Path = ROOT) -> list[Path]:
    """The folders that have a catalogue of their own, in the order of APPS."""
    folders = (folder for pattern in APPS for folder in sorted(root.glob(pattern)))
    return [folder for folder in folders if (folder / "__init__.py").is_file()]


def find(app: Path, root: Path = ROOT) -> Found:
    """Read an app's Python files, templates and ES modules. Raises SyntaxError for one that it can't read."""
    found = Found()
    for path in _sources(app):
        name = path.relative_to(root).as_posix()
        for _line, ids, comments, context in _read(path, name, found):
            key = _key(ids, context)
            text = found.texts.setdefault(key, Text(ids, context))
            if isinstance(text.id, str):
                text.id = ids  # a text used both alone and counted is one entry, with its plural
            text.files = sorted({*text.files, name})
            text.comments = list(dict.fromkeys([*text.comments, *comments]))
    return found


def wanted(texts: Mapping[Key, Text], language: str) -> dict[Key, Text]:
    """The texts that are to be translated into a language: all, or those of visitors."""
    if language not in VISITORS_LANGUAGES:
        return dict(texts)
    return {key: text for key, text in texts.items() if any(map(_is_for_visitors, text.files))}


def _is_for_visitors(file: str) -> bool:
    return any(fnmatchcase(file, pattern) for pattern in VISITORS_FILES)


def _sources(app: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(app):
        folders[:] = sorted(set(folders) - SKIPPED)
        for name in sorted(names):
            path = Path(folder) / name
            if path.suffix in {".py", ".js", ".mjs"} or "templates" in path.relative_to(app).parts[:-1]:
                yield path


def _read(path: Path, name: str, found: Found) -> Iterator[tuple[int, Any, list[str], str | None]]:
    source = path.read_text(encoding="utf-8")
    options: dict[str, Any] = {}
    if path.suffix in {".js", ".mjs"}:
        if "gettext(" not in source:
            return
        method: Any = "javascript"
    elif path.suffix == ".py":
        method, options = python_calls, {"refused": found.refused, "name": name}
    else:
        method, source = "python", pseudo_python(source, name)
    try:
        yield from babel_extract(method, io.BytesIO(source.encode()), KEYWORDS, [COMMENT_TAG], options)
    except Exception as error:
        raise SyntaxError(f"{name}: texts can't be read: {error}") from error


def pseudo_python(template: str, name: str) -> str:
    """Django's own reading of a template, as lines that tokenise; line numbers stay those of the template.

    Indentation means nothing in a template but would be an error in Python, so it goes.
    """
    return "\n".join(line.lstrip() for line in templatize(template, origin=name).split("\n"))


def python_calls(
    fileobj: IO[bytes], keywords: Iterable[str], comment_tags: Iterable[str], options: Mapping[str, Any]
) -> Iterator[Call]:
    """Babel's interface for an extractor, over the syntax tree: names imported under an alias count too.

    A call whose text is put together at run time (f-string, +, %, format) goes to options["refused"].
    """
    source = fileobj.read().decode()
    tree = ast.parse(source)
    aliases = _aliases(tree)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        name = aliases.get(called, called)
        if name not in KEYWORDS:
            continue
        arguments = call.args[: len(KEYWORDS[name])]
        literals = [_literal(argument) for argument in arguments]
        if any(map(_put_together, arguments)) or (None in literals and any(literals)):
            options["refused"].append((options["name"], call.lineno, ast.unparse(call)))
        elif None not in literals:
            yield call.lineno, name, literals, _comments_above(source.splitlines(), call.lineno)


def _aliases(tree: ast.AST) -> dict[str, str]:
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    translation = (node for node in imports if node.module == "django.utils.translation")
    return {name.asname: name.name for node in translation for name in node.names if name.asname}


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _put_together(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _literal(node.func.value) is not None
    return isinstance(node, ast.JoinedStr | ast.BinOp | ast.BoolOp | ast.IfExp)


def _comments_above(lines: list[str], line: int) -> list[str]:
    above: list[str] = []
    for number in range(line - 2, -1, -1):
        if not lines[number].lstrip().startswith("#"):
            break
        above.insert(0, lines[number].strip().lstrip("# "))
    starts = [index for index, comment in enumerate(above) if comment.startswith(COMMENT_TAG)]
    return above[starts[0] :] if starts else []


def _key(ids: str | list[str] | tuple[str, ...], context: str | bytes | None) -> Key:
    # Babel leaves the context of a compiled message undecoded.
    context = context.decode() if isinstance(context, bytes) else context or ""
    return context, ids if isinstance(ids, str) else ids[0]


# --- catalogues -------------------------------------------------------------------------------------------


def catalogue_path(app: Path, language: str) -> Path:
    return app / "locale" / to_locale(language) / "LC_MESSAGES" / "django.po"


def read_catalogue(path: Path, language: str) -> Catalog:
    """A catalogue as it stands, empty when there is no file. Raises BrokenCatalogue with file and line."""
    locale = to_locale(language)
    if not path.is_file():
        return Catalog(locale=locale)
    try:
        with path.open("rb") as file:
            return read_po(file, locale=locale, charset="utf-8", abort_invalid=True)
    except (PoFileError, UnicodeDecodeError, IndexError) as error:
        raise BrokenCatalogue(f"{path}: {error}") from error


def _messages(catalogue: Catalog) -> dict[Key, Message]:
    return {_key(message.id, message.context): message for message in catalogue if message.id}


def _strings(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def _ids(text: Text) -> tuple[str, ...]:
    return (text.id,) if isinstance(text.id, str) else text.id


def _usable(message: Message) -> bool:
    return not message.fuzzy and bool(_strings(message)) and all(_strings(message))


def _copy_of(catalogue: Catalog, language: str) -> Catalog:
    """An empty catalogue with the same plural rule, and dates that never change."""
    copy = Catalog(locale=to_locale(language))
    copy.mime_headers = [("Plural-Forms", catalogue.plural_forms)]
    copy.creation_date = copy.revision_date = datetime(2000, 1, 1, tzinfo=UTC)
    return copy


def _write_if_changed(path: Path, content: bytes) -> bool:
    """Replace the file in one step, so that a server starting meanwhile reads the old one or the new one."""
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
    return True


# --- extract ----------------------------------------------------------------------------------------------


def extract(root: Path = ROOT, languages: Iterable[str] = LANGUAGES) -> list[Path]:
    """Bring every catalogue in line with the code and return those that changed.

    Translations, translators' comments and fuzzy marks stay; a text that left the code leaves its catalogue.
    """
    return _brought_in_line(root, languages, _as_it_is)


def _brought_in_line(root: Path, languages: Iterable[str], change: Callable[[str, str], str]) -> list[Path]:
    languages, changed = list(languages), []
    for app in apps(root):
        found = find(app, root).texts
        for language in languages:
            path, texts = catalogue_path(app, language), wanted(found, language)
            if texts and _write_if_changed(path, _updated(path, language, texts, change)):
                changed.append(path)
            elif not texts and path.is_file():
                path.unlink()
                changed.append(path)
    return changed


def _as_it_is(string: str, _language: str) -> str:
    return string


def _updated(path: Path, language: str, texts: dict[Key, Text], change: Callable[[str, str], str]) -> bytes:
    old = read_catalogue(path, language)
    messages = _messages(old)
    new = _copy_of(old, language)
    for key, text in sorted(texts.items(), key=lambda item: item[1].files[0]):
        kept = messages.get(key)
        new.add(
            text.id,
            _string_for(
                text, [change(each, language) for each in _strings(kept)] if kept else [], old.num_plurals
            ),
            locations=[(file, 0) for file in text.files],
            flags={"fuzzy"} if kept and kept.fuzzy else set(),
            auto_comments=text.comments,
            user_comments=kept.user_comments if kept else [],
            context=text.context,
        )
    comment = old.header_comment if path.is_file() else "# Kept by `python -m scripts.messages extract`."
    body = io.BytesIO()
    write_po(body, new, width=0, omit_header=True, include_lineno=False)
    return _header(comment, language, new.plural_forms).encode() + body.getvalue().rstrip() + b"\n"


def _string_for(text: Text, strings: list[str], plurals: int) -> str | tuple[str, ...]:
    """The old translation in the text's present shape: alone, or one form for each plural of the language."""
    if isinstance(text.id, str):
        return strings[0] if strings else ""
    return (*strings, *[""] * plurals)[:plurals]


def _header(comment: str, language: str, plural_forms: str) -> str:
    lines = (
        f"Language: {to_locale(language)}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        f"Plural-Forms: {plural_forms}",
    )
    fields = "\n".join(f'"{line}\\n"' for line in lines)
    return f'{comment}\nmsgid ""\nmsgstr ""\n{fields}\n\n'


def typeset_catalogues(root: Path = ROOT, languages: Iterable[str] = LANGUAGES) -> list[Path]:
    """Extract, with every translation typeset; return the catalogues that changed. The code stays as it is."""
    return _brought_in_line(root, languages, typeset)


# --- compile ----------------------------------------------------------------------------------------------


def compile_catalogues(root: Path = ROOT, languages: Iterable[str] = LANGUAGES) -> list[Path]:
    """Write the .mo beside each .po and return those that changed. Fuzzy and half-done texts stay English."""
    languages, changed = list(languages), []
    for app in apps(root):
        for language in languages:
            source = catalogue_path(app, language)
            target = source.with_suffix(".mo")
            if source.is_file():
                if _write_if_changed(target, _compiled(source, language)):
                    changed.append(target)
            elif target.is_file():
                target.unlink()
                changed.append(target)
    return changed


def _compiled(path: Path, language: str) -> bytes:
    source = read_catalogue(path, language)
    usable = _copy_of(source, language)
    for message in _messages(source).values():
        if _usable(message):
            usable[message.id] = message
    content = io.BytesIO()
    write_mo(content, usable)
    return content.getvalue()


# --- check ------------------------------------------------------------------------------------------------


def check(root: Path = ROOT, languages: Iterable[str] = LANGUAGES) -> list[Problem]:
    """Everything between the code and a complete, right translation, in the order of the apps.

    A text without translation in its own catalogue passes when kit's or Django's own has it.
    """
    languages = list(languages)
    found = {app: find(app, root) for app in apps(root)}
    problems = [
        Problem(f"{file}:{line}", "not a literal text", call)
        for each in found.values()
        for file, line, call in each.refused
    ]
    problems += [
        Problem(text.files[0], "straight apostrophe", string)
        for each in found.values()
        for text in each.texts.values()
        for string in _ids(text)
        if typeset(string, "en") != string
    ]
    for language in languages:
        catalogues = {app: read_catalogue(catalogue_path(app, language), language) for app in found}
        shared = _shared(catalogues.get(root / KIT), language)
        for app, each in found.items():
            where = catalogue_path(app, language).relative_to(root).as_posix()
            problems += _check_catalogue(where, language, each.texts, catalogues[app], shared)
        problems += _disagreements(catalogues, root)
    return problems


def _shared(kit: Catalog | None, language: str) -> dict[Key, Message]:
    """What every app finds at run time without a line in its own catalogue.

    Django's are read compiled: some of its .po files hold more plural forms than their header says.
    """
    shared: dict[Key, Message] = {}
    for name in DJANGO_CATALOGUES:
        path = catalogue_path(Path(django.__file__).parent / name, language).with_suffix(".mo")
        if path.is_file():
            with path.open("rb") as file:
                shared |= _messages(read_mo(file))
    shared |= _messages(kit) if kit else {}
    return {key: message for key, message in shared.items() if _usable(message)}


def _check_catalogue(
    where: str, language: str, texts: dict[Key, Text], catalogue: Catalog, shared: dict[Key, Message]
) -> Iterator[Problem]:
    texts, messages = wanted(texts, language), _messages(catalogue)
    for key, text in texts.items():
        message, elsewhere = messages.get(key), shared.get(key)
        is_elsewhere = elsewhere is not None and (isinstance(text.id, str) or elsewhere.pluralizable)
        if message is None or not (any(_strings(message)) or message.fuzzy):
            if not is_elsewhere:
                yield Problem(where, "missing" if message is None else "empty", key[1], ", ".join(text.files))
        else:
            yield from _check_message(where, text, message, catalogue.num_plurals)
            yield from _check_typography(where, _ids(text)[0], message, language)
    unused = [key for key in messages if key not in texts]
    unused += [_key(message.id, message.context) for message in catalogue.obsolete.values()]
    yield from (Problem(where, "obsolete", key[1]) for key in unused)


def _check_message(where: str, text: Text, message: Message, plurals: int) -> Iterator[Problem]:
    ids, strings = _ids(text), _strings(message)
    if message.fuzzy:
        yield Problem(where, "fuzzy", ids[0])
    if (message.id if isinstance(message.id, str) else tuple(message.id)) != text.id:
        yield Problem(where, "changed in the code", ids[0], "run extract")
    if len(ids) == 2 and (len(strings) < plurals or not all(strings)):
        yield Problem(where, "plural forms missing", ids[0], f"{plurals} needed")
    for number, string in enumerate(strings):
        # The first of several forms may leave the number out, as "one day" does; every other needs it.
        allowed = [marks(ids[-1])] + ([marks(ids[0])] if number == 0 and plurals > 1 else [])
        if string and marks(string) not in allowed:
            detail = f"source {allowed[0]}, translation {marks(string)}"
            yield Problem(where, "placeholders differ", ids[0], detail)


def _check_typography(where: str, text: str, message: Message, language: str) -> Iterator[Problem]:
    for string in _strings(message):
        if (right := typeset(string, language)) != string:
            at = next(
                index for index, (one, other) in enumerate(zip(string, right, strict=True)) if one != other
            )
            detail = f"{string[max(0, at - 12) : at + 12]!r}: run typeset"
            yield Problem(where, "plain space or straight apostrophe", text, detail)


def marks(text: str) -> list[str]:
    """What a translation must carry over: %(name)s, %s in their order, {name}, HTML tags, %% and a lone %."""
    rest = text.replace("%%", "")
    named = sorted(set(NAMED.findall(rest)))
    rest = NAMED.sub("", rest)
    percents = ["%%"] * ("%%" in text) + ["%"] * ("%" in POSITIONAL.sub("", rest))
    braces = BRACES.findall(text.replace("{{", "").replace("}}", ""))
    tags = sorted(" ".join(tag.split()) for tag in TAG.findall(text))
    return [*named, *POSITIONAL.findall(rest), *percents, *sorted(braces), *tags]


def _disagreements(catalogues: dict[Path, Catalog], root: Path) -> Iterator[Problem]:
    """One text translated in two ways: Django merges the catalogues, so that one would never be read."""
    first: dict[tuple[Key, bool], tuple[Path, Message]] = {}
    for app, catalogue in catalogues.items():
        for key, message in _messages(catalogue).items():
            if not _usable(message):
                continue
            other_app, other = first.setdefault((key, bool(message.pluralizable)), (app, message))
            if _strings(other) != _strings(message):
                names = f"{other_app.relative_to(root)} and {app.relative_to(root)}"
                detail = f"{_strings(other)[0]!r}, {_strings(message)[0]!r}: agree, or give one a context"
                yield Problem(names, "translated in two ways", key[1], detail)


# --- command line -----------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.messages", description="Keeps the translations.")
    parser.add_argument("command", choices=("extract", "compile", "check", "typeset"))
    parser.add_argument("--root", type=Path, default=ROOT, help="the project's folder")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    try:
        if options.command == "check":
            problems = check(root)
            print("\n".join(map(str, problems)) or "Every text is translated.")
            return 1 if problems else 0
        verbs = {"extract": extract, "compile": compile_catalogues, "typeset": typeset_catalogues}
        for path in verbs[options.command](root):
            print(path.relative_to(root))
    except (BrokenCatalogue, SyntaxError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
