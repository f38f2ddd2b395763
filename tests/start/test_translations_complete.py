"""Every text of ours is translated, and what a translator wrote is what a reader gets."""

import gettext

import pytest
from django.conf import settings
from django.template import engines
from django.utils.translation import trans_real

from scripts.messages import (
    LANGUAGES,
    ROOT,
    VISITORS_LANGUAGES,
    apps,
    catalogue_path,
    check,
    compile_catalogues,
    find,
    read_catalogue,
)
from tests.start.template_lookups import looked_up

TEMPLATES = [path for app in apps() for path in sorted(app.rglob("templates/**/*")) if path.is_file()]


def test_every_text_is_translated() -> None:
    problems = check()
    assert not problems, "\n" + "\n".join(map(str, problems))


def test_the_languages_offered_are_english_and_those_translated() -> None:
    """The application speaks those whose catalogues are whole, the website all."""
    assert {code for code, _name in settings.WEBSITE_LANGUAGES} == {"en", *LANGUAGES}
    assert {code for code, _name in settings.LANGUAGES} == {"en", *LANGUAGES} - VISITORS_LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reader_gets_what_the_translator_wrote(language: str) -> None:
    """Fails for an app whose catalogue Django doesn't load: not installed and not in LOCALE_PATHS."""
    compile_catalogues()
    gettext._translations.clear()  # type: ignore[attr-defined]
    reader = trans_real.DjangoTranslation(language)
    for app in apps():
        for message in read_catalogue(catalogue_path(app, language), language):
            if not message.id or message.fuzzy or not message.string or not all(message.string):
                continue
            singular = message.id if isinstance(message.id, str) else message.id[0]
            context = message.context
            found = reader.pgettext(context, singular) if context else reader.gettext(singular)
            first = message.string if isinstance(message.string, str) else message.string[0]
            assert found == first, f"{app.relative_to(ROOT)}: {singular!r}"


def test_every_text_in_a_template_is_found_as_django_looks_it_up() -> None:
    engine = engines["django"].engine
    texts: dict[str, set[tuple[str, str]]] = {}
    for app in apps():
        for key, text in find(app).texts.items():
            for file in text.files:
                texts.setdefault(file, set()).add(key)
    for path in TEMPLATES:
        name = path.relative_to(ROOT).as_posix()
        lost = looked_up(path.read_text(encoding="utf-8"), engine) - texts.get(name, set())
        assert not lost, f"{name}: not found by extract: {lost}"


def test_no_catalogue_stands_where_the_tool_does_not_look() -> None:
    known = {catalogue_path(app, language) for app in apps() for language in LANGUAGES}
    folders = ("config", "tenants", "billing", "shared_apps", "tenant_apps")
    assert {path for folder in folders for path in (ROOT / folder).rglob("*.po")} <= known
