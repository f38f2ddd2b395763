"""Importing a file step by step: all of it or nothing."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from shared_apps.history.models import LogEntry
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from tenant_apps.contacts.models import CannotCommit, Contact, Import, Tag, imports
from tests.conftest import Cast
from tests.contacts.conftest import begin, names

Maker = Callable[..., Contact]
FRENCH = (
    "Nom;Prénom;Société;Fonction;E-mail;GSM;Code postal;Localité;Pays;TVA;Client;Étiquettes;Remarque;Inconnue\n"
    "Œuvrard;Éric;Ferme du Bois;Gérant;eric@ferme.example;0475 12 34 56;5030;Gembloux;Belgique;;oui;Horeca, VIP;;a\n"
    ';;Brasserie de l\'Orne;;info@orne.example;;1435;Mont-St-Guibert;BE;0403.170.701;x;VIP;"Deux\nlignes";b\n'
)


def upload(cast: Cast, browser: Any, content: bytes, name: str = "contacts.csv") -> str:
    answer = browser.post("/contacts/import/", {"file": SimpleUploadedFile(name, content)})
    assert answer.status_code == 302, answer.context["form"].errors
    return str(answer.url).removesuffix("columns/")


def columns_of(browser: Any, url: str) -> dict[str, Any]:
    form = browser.get(f"{url}columns/").context["form"]
    return {name: form[name].value() or "" for name in form.fields}


def test_a_file_goes_from_upload_to_contacts(acme: Cast, browser: Callable[..., Any]) -> None:
    ada = browser(acme, acme.admin)
    url = upload(acme, ada, FRENCH.encode("cp1252"))
    columns = columns_of(ada, url)
    meant = [columns[f"column_{number}"] for number in range(14)]
    assert meant == ["last_name", "first_name", "company", "job_title", "email", "mobile", "postal_code", "city", "country",
                     "vat_number", "is_customer", "tags", "notes", ""]  # fmt: skip
    assert ada.post(f"{url}columns/", columns | {"tag": "Import 2026"}).url == url
    preview = ada.get(url).content.decode()
    assert "Inconnue" in preview and "Import 2 contacts" in preview
    assert names(acme) == []
    assert ada.post(f"{url}commit/", {"duplicates": "leave"}).url == "/contacts/?sort=-changed"
    with acme.inside():
        person, farm, brewery = Contact.objects.order_by("-kind", "name_folded")
        assert (person.name, str(person.company), person.job_title) == (
            "Éric Œuvrard",
            "Ferme du Bois",
            "Gérant",
        )
        assert farm.name == "Brasserie de l'Orne" and brewery.name == "Ferme du Bois"
        assert (farm.vat_number, farm.notes, farm.is_customer) == ("BE0403170701", "Deux\nlignes", True)
        assert sorted(tag.name for tag in person.tags.all()) == ["Horeca", "Import 2026", "VIP"]
        assert [row.name for row in Contact.objects.found("0475 12")] == ["Éric Œuvrard"]
        assert [row.name for row in Contact.objects.found("import 2026")] == [
            "Brasserie de l'Orne",
            "Éric Œuvrard",
        ]
        assert (
            LogEntry.objects.filter(
                module="contacts", table_name="contacts_contact", actor_id=str(acme.admin.id)
            ).count()
            == 3
        )
    assert ada.post(f"{url}commit/").status_code == 404  # once


def test_P03_one_refused_line_refuses_the_file_and_each_is_named_with_its_reason(
    acme: Cast, browser: Callable[..., Any]
) -> None:
    lines = [
        "Nom;Prénom;E-mail;TVA;IBAN;Pays;Client;Délai de paiement;Langue;Site web",
        "Bon;Jean;jean@x.example;;;;oui;30 jours;français;x.example",
        ";;;;;;;;;",
        "Un;;pas-un-mail;;;;;;;",
        "Deux;;;BE0403170702;;;;;;",
        "Trois;;;;BE00;;;;;",
        "Quatre;;;;;Atlantide;;;;",
        "Cinq;;;;;;peut-être;;;",
        "Six;;;;;;;bientôt;;",
        "Sept;;;;;;;;klingon;",
        "Huit;;;;;;;;;javascript:x",
        "Neuf;;;;;;;;;;trop",
        ";;seul@x.example;;;;;;;",
    ]
    ada = browser(acme, acme.admin)
    url = upload(acme, ada, "\n".join(lines).encode())
    ada.post(f"{url}columns/", columns_of(ada, url))
    page = ada.get(url)
    refused = {number: (name, reason) for number, name, reason in page.context["row"].refused}
    assert sorted(refused) == [4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert "valid email" in refused[4][1] and "check digits" in refused[5][1] and "IBAN" in refused[6][1]
    assert "Atlantide" in refused[7][1] and "peut-être" in refused[8][1] and "bientôt" in refused[9][1]
    assert "klingon" in refused[10][1] and "Website" in refused[11][1] and "more cells" in refused[12][1]
    assert refused[13][0] == "" and "needs" in refused[13][1]
    report = b"".join(ada.get(f"{url}report/").streaming_content).decode("utf-8-sig")
    assert report.startswith("Line;Reason;Nom;") and "Neuf;" in report and report.count("\r\n") == 11
    assert ada.post(f"{url}commit/").status_code == 302
    assert names(acme) == []


def test_P03_a_line_that_went_wrong_since_the_check_undoes_the_whole_commit(
    acme: Cast, browser: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = begin(acme, b"Nom\nUn\nDeux\n")
    with acme.inside(acme.admin):
        row.start_verify()

        def broken(*args: Any, **kwargs: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(imports, "_store_tags", broken)
        with pytest.raises(ZeroDivisionError):
            row.commit(leave_out_duplicates=True, now=timezone.now())
    assert names(acme) == []


def test_contacts_that_are_here_already_are_left_out_unless_wanted(acme: Cast, contact: Maker) -> None:
    contact("Garage Peeters", email="info@peeters.example", vat_number="BE0403170701")
    contact("", first_name="Éric", last_name="Dupont", postal_code="1300")
    content = (
        "Nom;Prénom;E-mail;TVA;Code postal;Société\n"
        "Dupont;Eric;;;;\n"  # the same
        "Dupont;Éric;;;4000;\n"  # another postal code: somebody else
        ";;;BE0403170701;;Garage P.\n"  # the same VAT number
        ";;;;;GARAGE  PEETERS\n"  # the same name
        ";;autre@peeters.example;;;Garage Peeters\n"  # another e-mail
        "Neuf;Jean;;;;\n"
        "Neuf;Jean;;;;\n"  # twice in the file
    ).encode()
    row = begin(acme, content)
    with acme.inside(acme.admin):
        row.start_verify()
        assert [line for line, _name, _reason in row.duplicates] == [2, 4, 5, 8]
        row.start_commit(leave_out_duplicates=True, now=timezone.now())
        assert row.created == 3 and Contact.objects.count() == 5
    again = begin(acme, content)
    with acme.inside(acme.admin):
        again.start_verify()
        assert again.duplicate_count == 7
        again.start_commit(leave_out_duplicates=False, now=timezone.now())
        assert again.created == 7


def test_columns_must_make_sense(acme: Cast, browser: Callable[..., Any]) -> None:
    ada = browser(acme, acme.admin)
    url = upload(acme, ada, b"A;B\nx;y\n")
    columns = columns_of(ada, url)
    for wrong in (
        {},
        {"column_0": "email"},
        {"column_0": "name", "column_1": "name"},
        {"column_0": "password"},
    ):
        assert ada.post(f"{url}columns/", columns | wrong).status_code == 200, wrong
    assert ada.get(url).url == f"{url}columns/"
    assert ada.post(f"{url}columns/", columns | {"column_0": "name", "column_1": "notes"}).url == url


def test_another_encoding_reads_the_file_anew(acme: Cast, browser: Callable[..., Any]) -> None:
    ada = browser(acme, acme.admin)
    url = upload(
        acme, ada, "Nom;Ville\nÉlégant;Namur\n".encode("mac-roman")
    )  # might be Windows' letters just as well
    assert "Élégant" not in ada.get(f"{url}columns/").content.decode()
    answer = ada.post(f"{url}columns/", columns_of(ada, url) | {"encoding": "mac-roman"})
    assert answer.url == f"{url}columns/"
    assert "Élégant" in ada.get(f"{url}columns/").content.decode()
    wrong = ada.post(f"{url}columns/", columns_of(ada, url) | {"encoding": "utf-8"})
    assert wrong.status_code == 200 and "encoding" in wrong.context["form"].errors


def test_a_large_file_is_checked_and_imported_by_jobs_with_progress(
    acme: Cast, browser: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 3)
    ada = browser(acme, acme.admin)
    url = upload(acme, ada, b"Nom\n" + b"".join(b"Client %d\n" % number for number in range(5)))
    assert ada.post(f"{url}columns/", columns_of(ada, url)).url == url
    page = ada.get(url).content.decode()
    assert f'hx-get="{url}progress/"' in page and "Checking contacts.csv" in page
    assert "5 lines" in ada.get(f"{url}progress/").content.decode()
    assert b"being worked on" in ada.post(f"{url}cancel/", follow=True).content
    assert do_next_job(acme, "contacts.verify") == 1
    assert ada.get(f"{url}progress/").headers["HX-Redirect"] == url
    ada.post(f"{url}commit/", {"duplicates": "leave"})
    assert names(acme) == []
    assert do_next_job(acme, "contacts.commit") == 1
    assert len(names(acme)) == 5
    assert "5 contacts are imported." in ada.get(url).content.decode()
    with acme.inside():
        entry = LogEntry.objects.filter(table_name="contacts_contact").latest("id")
        assert (entry.actor_kind, entry.actor_behalf) == ("job", acme.admin.name)


def do_next_job(cast: Cast, purpose: str) -> int:
    """Run what was asked for, as the worker would: in the tenant's scope, as the job on the person's behalf."""
    with scope.shared():
        found = list(Job.objects.filter(tenant_uuid=cast.id, purpose=purpose))
    for job in found:
        actor = scope.Actor("job", str(job.id), job.purpose, behalf=job.actor["name"])
        with scope.tenant(cast.id, actor=actor):
            getattr(imports, purpose.partition(".")[2])(*job.args)
    return len(found)


def test_a_job_that_failed_is_said_and_the_file_can_be_forgotten(
    acme: Cast, browser: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 1)
    ada = browser(acme, acme.admin)
    url = upload(acme, ada, b"Nom\nUn\nDeux\n")
    ada.post(f"{url}columns/", columns_of(ada, url))
    with scope.shared():
        Job.objects.filter(purpose="contacts.verify").update(state=Job.State.FAILED)
    assert b"nothing was imported" in ada.get(url).content
    assert ada.post(f"{url}cancel/").url == "/contacts/"
    assert ada.get(url).status_code == 404


def test_the_file_is_forgotten_after_a_day_or_when_it_is_imported(
    acme: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    folder = Path(settings.MEDIA_ROOT) / str(acme.id) / "contacts" / "imports"
    with django_capture_on_commit_callbacks(execute=True):
        kept, imported = begin(acme, b"Nom\nVergeten\n"), begin(acme, b"Nom\nUn\n")
        with acme.inside(acme.admin):
            imported.start_verify()
            imported.start_commit(leave_out_duplicates=True, now=timezone.now())
    assert list(folder.glob(f"{kept.id}*")) and not list(folder.glob(f"{imported.id}*"))
    with scope.shared():
        due = Job.objects.get(purpose="contacts.forget", args=[str(kept.id)]).run_after
    assert due - kept.created_at == timedelta(days=1)
    with django_capture_on_commit_callbacks(execute=True), acme.inside(acme.admin):
        imports.forget(str(kept.id))
        imports.forget(str(kept.id))  # twice is once
    assert not list(folder.glob(f"{kept.id}*"))
    with acme.inside():
        assert not Import.objects.filter(id=kept.id).exists()


def test_people_find_their_company_also_further_down_in_the_file(acme: Cast, contact: Maker) -> None:
    contact("Vieille SA")
    row = begin(
        acme,
        "Prénom;Nom;Société\nA;B;Neuve SRL\nC;D;vieille sa\n;;NEUVE srl\nE;F;Tierce\nG;H;tierce\n".encode(),
    )
    with acme.inside(acme.admin):
        row.start_verify()
        assert row.new_companies == 1
        row.start_commit(leave_out_duplicates=True, now=timezone.now())
        companies = sorted(Contact.objects.filter(kind="company").values_list("name", flat=True))
        assert companies == ["NEUVE srl", "Tierce", "Vieille SA"]
        assert Contact.objects.filter(kind="person", company=None).count() == 0


def test_an_import_that_is_not_checked_cannot_be_committed(acme: Cast) -> None:
    row = begin(acme, b"Nom\nUn\n")
    with acme.inside(acme.admin):
        with pytest.raises(CannotCommit):
            row.start_commit(leave_out_duplicates=True, now=timezone.now())
        row.start_verify()
        row.start_commit(leave_out_duplicates=True, now=timezone.now())
        with pytest.raises(CannotCommit):
            row.start_commit(leave_out_duplicates=True, now=timezone.now())
        assert Contact.objects.count() == 1 and not Tag.objects.exists()


def test_the_example_can_be_imported(acme: Cast, browser: Callable[..., Any]) -> None:
    ada = browser(acme, acme.admin)
    example = b"".join(ada.get("/contacts/import/example/").streaming_content)
    url = upload(acme, ada, example)
    ada.post(f"{url}columns/", columns_of(ada, url))
    ada.post(f"{url}commit/")
    assert sorted(names(acme)) == ["Boulangerie Lefèvre SRL", "Éric Lefèvre"]
