"""The translation tool on small projects of its own: what it finds, keeps, compiles and complains about."""

import gettext
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.template import Engine

from scripts.messages import (
    ROOT,
    BrokenCatalogue,
    check,
    compile_catalogues,
    extract,
    find,
    marks,
    typeset,
    typeset_catalogues,
)
from tests.start.template_lookups import looked_up

ENGINE = Engine(libraries={"i18n": "django.templatetags.i18n"}, builtins=["django.templatetags.i18n"])
VIEWS = "tenant_apps/contacts/views.py"
CATALOGUE = "tenant_apps/contacts/locale/fr/LC_MESSAGES/django.po"
HEADER = """# Our French.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"

"""


class Project:
    """A folder shaped like ours, with kit and contacts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for app in ("shared_apps/kit", "tenant_apps/contacts"):
            self.write(f"{app}/__init__.py", "")

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def code(self, text: str) -> None:
        self.write(VIEWS, "from django.utils.translation import gettext as _\n" + text)

    def template(self, text: str) -> None:
        self.write("tenant_apps/contacts/templates/contacts/page.html", text)

    def po(self, entries: str, app: str = "tenant_apps/contacts") -> Path:
        return self.write(f"{app}/locale/fr/LC_MESSAGES/django.po", HEADER + entries)

    def found(self) -> set[tuple[str, str]]:
        return set(find(self.root / "tenant_apps/contacts", self.root).texts)

    def problems(self) -> list[tuple[str, str]]:
        return [(problem.kind, problem.text) for problem in check(self.root)]

    def extracted(self) -> str:
        extract(self.root)
        return (self.root / CATALOGUE).read_text(encoding="utf-8")

    def compiled(self) -> gettext.GNUTranslations:
        compile_catalogues(self.root)
        with (self.root / CATALOGUE).with_suffix(".mo").open("rb") as file:
            return gettext.GNUTranslations(file)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


# --- what is found ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "keys"),
    [
        ('_("Save")', {("", "Save")}),
        ('_("one "\n  "sentence")', {("", "one sentence")}),
        ('_("""two\nlines""")', {("", "two\nlines")}),
        ('translation.pgettext_lazy("verb", "Open")', {("verb", "Open")}),
        ('ngettext("%(n)d day", "%(n)d days", n) % {"n": n}', {("", "%(n)d day")}),
        ('npgettext("mail", "one", "many", n)', {("mail", "one")}),
        ("from django.utils.translation import pgettext as p\np('noun', 'Open')", {("noun", "Open")}),
        ("_(label)\n_(labels['x'])\n# _('not code')\n'_(\"nor this\")'", set()),
        ("def gettext(text='x'): ...", set()),
        ("_(_('inner'))", {("", "inner")}),
    ],
)
def test_texts_in_python_are_found(project: Project, code: str, keys: set[tuple[str, str]]) -> None:
    project.code(code)
    assert project.found() == keys


@pytest.mark.parametrize(
    "call",
    [
        "_(f'Hello {name}')",
        "_('Hello ' + name)",
        "_('a' if x else 'b')",
        "_('Hello %s' % name)",
        "_('{}'.format(1))",
        "ngettext('day', days, 2)",
    ],
)
def test_a_text_put_together_at_run_time_is_a_problem(project: Project, call: str) -> None:
    project.code(call)
    assert project.problems() == [("not a literal text", call)]
    assert project.found() == set()


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("<p>\n    {% translate 'Save' %}\n  </p>\n{% if x %}\n      it's (\n{% endif %}", ("", "Save")),
        ("{% translate 'Open' context 'verb' as word %}{{ word }}", ("verb", "Open")),
        ("{% translate '5% off'|upper %}", ("", "5%% off")),
        ("{% trans \"it's\" noop %}", ("", "it's")),
        ("{{ name|default:_('Nobody') }}", ("", "Nobody")),
        ("{{ _('Hello')|upper }}", ("", "Hello")),
        ("{% include 'x.html' with title=_('Title') %}", ("", "Title")),
        ("{% blocktranslate %}Dear {{ name }},\n  5% is 'yours'{% endblocktranslate %}",
         ("", "Dear %(name)s,\n  5%% is 'yours'")),
        ("{% blocktranslate trimmed %}\n   one\n   <b>two</b>\n\n{% endblocktranslate %}",
         ("", "one <b>two</b>")),
        ("{% blocktranslate trimmed count n=x context \"c\" %}\n {{ n }} day\n{% plural %}\n {{ n }} days\n"
         "{% endblocktranslate %}", ("c", "%(n)s day")),
        ("{% blocktranslate with a=b|default:_('inner') trimmed %} {{ a }} {% endblocktranslate %}",
         ("", "inner")),
    ],
)  # fmt: skip
def test_texts_in_templates_are_found_exactly_as_django_looks_them_up(
    project: Project, template: str, key: tuple[str, str]
) -> None:
    project.template(template)
    assert key in project.found()
    assert project.found() == looked_up(template, ENGINE)


def test_a_comment_in_a_template_is_not_a_text(project: Project) -> None:
    project.template("{# {% translate 'a' %} #}{% comment %}{% translate 'b' %}{% endcomment %}")
    assert project.found() == set()


def test_texts_in_our_modules_are_found(project: Project) -> None:
    project.write("tenant_apps/contacts/static/list.js", 'export const x = () => gettext("Copied");\n')
    project.write("tenant_apps/contacts/static/other.js", '_("not ours"); `${a}`;\n')
    assert project.found() == {("", "Copied")}


def test_a_template_that_cannot_be_read_is_named(project: Project) -> None:
    project.template("{{ x|default:_('a|b') }}")
    with pytest.raises(SyntaxError, match=r"contacts/page\.html"):
        project.found()


# --- extract ------------------------------------------------------------------------------------------------


def test_extracting_keeps_translations_and_comments_and_drops_what_left_the_code(project: Project) -> None:
    project.code("# Translators: on a button\nx = _('Save')\n_('New')")
    project.po(
        '# vu avec Anne\nmsgid "Save"\nmsgstr "Enregistrer"\n\nmsgid "Gone"\nmsgstr "Parti"\n\n'
        '#~ msgid "Older"\n#~ msgstr "Vieux"\n'
    )
    text = project.extracted()
    assert text.startswith("# Our French.\nmsgid")
    assert (
        "# vu avec Anne\n#. Translators: on a button\n#: tenant_apps/contacts/views.py\n"
        'msgid "Save"\nmsgstr "Enregistrer"\n' in text
    )
    assert 'msgid "New"\nmsgstr ""\n' in text
    assert "Gone" not in text
    assert "Older" not in text


def test_extracting_again_or_after_lines_moved_changes_nothing(project: Project) -> None:
    project.code("_('B')\n_('A')")
    project.template("{% translate 'A' %}{% translate 'C' %}")
    first = project.extracted()
    project.code("\n\n\n_('B')\n\n_('A')")
    assert extract(project.root) == []
    assert project.extracted() == first
    assert [line for line in first.splitlines() if line.startswith("msgid")][1:] == [
        'msgid "A"', 'msgid "C"', 'msgid "B"',
    ]  # fmt: skip
    assert "POT-Creation-Date" not in first


def test_a_text_that_becomes_countable_keeps_its_translation_as_first_form(project: Project) -> None:
    project.code("ngettext('One day', '%(n)d days', n)")
    project.po('msgid "One day"\nmsgstr "Un jour"\n')
    assert 'msgstr[0] "Un jour"\nmsgstr[1] ""\n' in project.extracted()


def test_a_text_used_alone_and_counted_is_one_entry(project: Project) -> None:
    project.code("_('Contact')\nngettext('Contact', 'Contacts', n)")
    text = project.extracted()
    assert text.count('msgid "Contact"') == 1
    assert 'msgid_plural "Contacts"' in text


def test_an_app_without_texts_has_no_catalogue(project: Project) -> None:
    path = project.po('msgid "Gone"\nmsgstr "Parti"\n')
    assert extract(project.root) == [path]
    assert not path.exists()


# --- compile ------------------------------------------------------------------------------------------------


def test_compiled_texts_are_what_gettext_finds(project: Project) -> None:
    project.po(
        'msgctxt "verb"\nmsgid "Open"\nmsgstr "Ouvrir"\n\nmsgid "Yes"\nmsgstr "Oui"\n\n'
        'msgid "%(n)s day"\nmsgid_plural "%(n)s days"\nmsgstr[0] "%(n)s jour"\nmsgstr[1] "%(n)s jours"\n'
    )
    french = project.compiled()
    assert french.pgettext("verb", "Open") == "Ouvrir"
    assert french.gettext("Yes") == "Oui"
    assert [french.ngettext("%(n)s day", "%(n)s days", n) for n in (0, 1, 2)] == [
        "%(n)s jour", "%(n)s jour", "%(n)s jours",
    ]  # fmt: skip


def test_fuzzy_and_half_done_texts_are_never_used(project: Project) -> None:
    project.po(
        '#, fuzzy\nmsgid "Save"\nmsgstr "Sauter"\n\nmsgid "Empty"\nmsgstr ""\n\n'
        'msgid "day"\nmsgid_plural "days"\nmsgstr[0] "jour"\nmsgstr[1] ""\n'
    )
    french = project.compiled()
    assert french.gettext("Save") == "Save"
    assert french.gettext("Empty") == "Empty"
    assert french.ngettext("day", "days", 1) == "day"


def test_compiling_writes_only_what_changed(project: Project) -> None:
    source = project.po('msgid "Save"\nmsgstr "Enregistrer"\n')
    target = source.with_suffix(".mo")
    assert compile_catalogues(project.root) == [target]
    os.utime(target, (1, 1))
    assert compile_catalogues(project.root) == []
    assert target.stat().st_mtime == 1
    project.po('msgid "Save"\nmsgstr "Sauvegarder"\n')
    assert compile_catalogues(project.root) == [target]
    source.unlink()
    assert compile_catalogues(project.root) == [target]
    assert not target.exists()


def test_our_own_catalogues_compile_in_well_under_two_seconds() -> None:
    start = time.perf_counter()
    compile_catalogues()
    assert time.perf_counter() - start < 2


# --- check --------------------------------------------------------------------------------------------------


def test_a_complete_catalogue_has_no_problem(project: Project) -> None:
    project.code("_('Save %(name)s')\nngettext('One day', '%(n)d days', n)\npgettext('verb', 'Open')")
    project.po(
        'msgid "Save %(name)s"\nmsgstr "Enregistrer %(name)s"\n\n'
        'msgctxt "verb"\nmsgid "Open"\nmsgstr "Ouvrir"\n\n'
        'msgid "One day"\nmsgid_plural "%(n)d days"\nmsgstr[0] "%(n)d jour"\nmsgstr[1] "%(n)d jours"\n'
    )
    assert project.problems() == []


@pytest.mark.parametrize(
    ("code", "entry", "kind"),
    [
        ("_('Frobnicate')", "", "missing"),
        ("pgettext('verb', 'Frob')", 'msgid "Frob"\nmsgstr "Frob"\n', "missing"),
        ("_('Frob')", 'msgid "Frob"\nmsgstr ""\n', "empty"),
        ("_('Frob')", '#, fuzzy\nmsgid "Frob"\nmsgstr "Frobe"\n', "fuzzy"),
        ("_('Frob')", '#, fuzzy\nmsgid "Frob"\nmsgstr ""\n', "fuzzy"),
        ("", 'msgid "Frob"\nmsgstr "Frobe"\n', "obsolete"),
        ("", '#~ msgid "Frob"\n#~ msgstr "Frobe"\n', "obsolete"),
        ("ngettext('d', 'ds', n)", 'msgid "d"\nmsgid_plural "ds"\nmsgstr[0] "j"\nmsgstr[1] ""\n',
         "plural forms missing"),
        ("ngettext('d', 'ds', n)", 'msgid "d"\nmsgstr "j"\n', "plural forms missing"),
        ("ngettext('d', 'ds', n)", 'msgid "d"\nmsgid_plural "dz"\nmsgstr[0] "j"\nmsgstr[1] "js"\n',
         "changed in the code"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_listed(project: Project, code: str, entry: str, kind: str) -> None:
    project.code(code)
    project.po(entry)
    assert kind in [problem for problem, _text in project.problems()]


@pytest.mark.parametrize(
    ("source", "translation"),
    [
        ("Hi %(name)s", "Salut %(nom)s"),
        ("Hi %(name)s", "Salut"),
        ("Hi", "Salut %(name)s"),
        ("%(n)d left", "%(n)s restent"),
        ("%s of %d", "%d de %s"),
        ("Hi {name}", "Salut {nom}"),
        ("{} of {}", "{} de"),
        ("A <b>bold</b> one", "Un <b>gras"),
        ('<a href="/x">here</a>', '<a href="/y">ici</a>'),
        ("%(n)s is 5%%", "%(n)s est 5 %"),
    ],
)
def test_placeholders_that_differ_are_listed(project: Project, source: str, translation: str) -> None:
    project.code(f"_({source!r})")
    quote = str.maketrans({'"': '\\"'})
    project.po(f'msgid "{source.translate(quote)}"\nmsgstr "{translation.translate(quote)}"\n')
    assert project.problems() == [("placeholders differ", source)]


@pytest.mark.parametrize(
    ("source", "translation"),
    [
        ("%(a)s by %(b)s", "de %(b)s : %(a)s"),
        ("{a} by {b:%d}", "de {b:%d} : {a}"),
        ("50% off", "50 % de remise"),
        ("3 < 5", "3 < 5"),
        ("{{ kept }}", "{{ gardé }}"),
    ],
)
def test_placeholders_may_change_places(source: str, translation: str) -> None:
    assert marks(source) == marks(translation)


def test_only_the_first_of_the_plural_forms_may_leave_the_number_out(project: Project) -> None:
    project.code("ngettext('One day', '%(n)d days', n)")
    forms = 'msgid "One day"\nmsgid_plural "%(n)d days"\nmsgstr[0] "Un jour"\nmsgstr[1] "{}"\n'
    project.po(forms.format("%(n)d jours"))
    assert project.problems() == []
    project.po(forms.format("Des jours"))
    assert project.problems() == [("placeholders differ", "One day")]


def test_a_text_that_kit_or_django_translates_need_not_be_translated_again(project: Project) -> None:
    project.code("_('Frob')\n_('This field is required.')")
    project.write("shared_apps/kit/words.py", "_('Frob')")
    assert project.problems().count(("missing", "Frob")) == 2
    project.po('msgid "Frob"\nmsgstr "Frobe"\n', app="shared_apps/kit")
    assert project.problems() == []


def test_a_text_translated_in_two_ways_is_listed(project: Project) -> None:
    project.code("_('Frob')")
    project.write("shared_apps/kit/words.py", "_('Frob')")
    project.po('msgid "Frob"\nmsgstr "Frobe"\n', app="shared_apps/kit")
    project.po('msgid "Frob"\nmsgstr "Frobre"\n')
    assert project.problems() == [("translated in two ways", "Frob")]


def test_a_broken_catalogue_is_named(project: Project) -> None:
    project.po('msgid "Frob"\nmsgfoo "x"\n')
    with pytest.raises(BrokenCatalogue, match=r"contacts/locale/fr"):
        check(project.root)


# --- typography ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "typed", "right"),
    [
        ("en", "It isn't the client's.", "It isn’t the client’s."),
        ("en", "%(name)s's and {name}'s: 5'30", "%(name)s’s and {name}’s: 5'30"),
        ("en", "Why: a plain « quote » ?", "Why: a plain « quote » ?"),
        ("fr", "L'effacer : oui ; non ? « Si » !", "L’effacer\xa0: oui\xa0; non\xa0? «\xa0Si\xa0»\xa0!"),
        ("fr", "« %(name)s » : <b>d'un</b> à 10:30", "«\xa0%(name)s\xa0»\xa0: <b>d’un</b> à 10:30"),
        ("fr", "<a href='{terms}' target='_blank'>l'accord</a> :",
         "<a href='{terms}' target='_blank'>l’accord</a>\xa0:"),
        ("fr", "<code>l' :</code> `d' ?` https://x.be/'?a=1 ?q=1 :80 %(x) :s",
         "<code>l' :</code> `d' ?` https://x.be/'?a=1 ?q=1 :80 %(x) :s"),
    ],
)  # fmt: skip
def test_what_people_read_is_typeset_and_what_machines_read_is_not(
    language: str, typed: str, right: str
) -> None:
    assert typeset(typed, language) == right == typeset(right, language)


def test_texts_that_are_not_typeset_are_listed_and_mended_in_the_catalogues(project: Project) -> None:
    project.code("_('Erase %(name)s?')")
    project.po('# Kept.\nmsgid "Erase %(name)s?"\nmsgstr "Effacer %(name)s ?"\n')
    assert project.problems() == [("plain space or straight apostrophe", "Erase %(name)s?")]
    assert typeset_catalogues(project.root) == [project.root / CATALOGUE]
    assert "# Kept." in project.extracted() and "Effacer %(name)s\xa0?" in project.extracted()
    assert project.problems() == typeset_catalogues(project.root) == []
    project.code('_("Don\'t")')
    assert ("straight apostrophe", "Don't") in project.problems()


# --- the command --------------------------------------------------------------------------------------------


def test_the_command_needs_no_settings_and_its_exit_code_tells(project: Project) -> None:
    project.code("_('Frob')")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO")}

    def run(command: str) -> tuple[int, str]:
        line = [sys.executable, "-m", "scripts.messages", command, "--root", str(project.root)]
        done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    assert run("extract") == (0, f"{CATALOGUE}\n")
    code, output = run("check")
    assert code == 1
    assert "empty: 'Frob' (tenant_apps/contacts/views.py)" in output
    project.po('msgid "Frob"\nmsgstr "Frobe"\n')
    assert run("check")[0] == 0
    assert run("compile") == (0, CATALOGUE.replace(".po", ".mo\n"))
