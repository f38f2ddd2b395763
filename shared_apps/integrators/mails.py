"""What either side of a link is told when the other one changes it. Each is sent once, whoever clicks twice."""

from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from shared_apps import mail
from shared_apps.accounts.mails import origin
from shared_apps.accounts.models import User
from shared_apps.integrators.models import IdleInvitation, Link
from shared_apps.kit.rows import uuid7
from shared_apps.mail.models import Message


@mail.check
def is_proposed(message: Message) -> bool:
    return Link.objects.proposed().filter(pk=_link_of(message)).exists()


@mail.check
def is_live(message: Message) -> bool:
    return Link.objects.live().filter(pk=_link_of(message)).exists()


@mail.check
def is_idle(message: Message) -> bool:
    """Not withdrawn meanwhile."""
    return IdleInvitation.objects.filter(pk=UUID(message.key.split(":")[1])).exists()


def in_use(invited: IdleInvitation, *, by: User) -> None:
    """To the address itself, in the language of whoever has it: they alone are told that it is in use."""
    holder = User.objects.by_email(invited.email)
    if holder is None:
        return
    mail.send(
        purpose="integrators.in_use",
        to=holder.email,
        name=holder.name,
        language=holder.language,
        template="integrators/mail/in_use",
        context={"name": holder.name, "inviter": by.name, "integrator": invited.organisation.name},
        key=f"integrators.in_use:{invited.id}:{uuid7()}",
        wanted=is_idle,
    )


def proposed(link: Link, *, request: HttpRequest) -> None:
    _to_integrator(link, "proposed", request, wanted=is_proposed)


def accepted(link: Link) -> None:
    _to_client(link, "accepted", wanted=is_live)


def ended_by_client(link: Link, *, request: HttpRequest) -> None:
    """`link` as it was before: a proposal was taken back, or a link ended."""
    _to_integrator(link, "ended_by_client" if link.is_live else "withdrawn", request)


def ended_by_integrator(link: Link) -> None:
    """`link` as it was before: a proposal was declined, or a link ended."""
    _to_client(link, "ended_by_integrator" if link.is_live else "declined")


def _to_integrator(link: Link, what: str, request: HttpRequest, wanted: mail.Check | None = None) -> None:
    organisation = link.organisation
    url = origin(request, "app") + reverse("integrators:clients", urlconf="config.urls_app")
    _send(
        link,
        what,
        url,
        to=organisation.email,
        name=organisation.name,
        language=organisation.language,
        wanted=wanted,
    )


def _to_client(link: Link, what: str, wanted: mail.Check | None = None) -> None:
    """To the contact person; the page it names is on the workspace's own host, while there is one."""
    client = link.client
    workspace = getattr(client, "tenant", None)
    url = workspace.url + reverse("integrator:home", urlconf="config.urls_tenant") if workspace else ""
    _send(
        link,
        what,
        url,
        to=client.contact_email,
        name=client.contact_name,
        language=client.language,
        wanted=wanted,
    )


def _send(
    link: Link, what: str, url: str, *, to: str, name: str, language: str, wanted: mail.Check | None
) -> None:
    mail.send(
        purpose="integrators.link",
        to=to,
        name=name,
        language=language,
        template=f"integrators/mail/{what}",
        context={"company": link.client.company, "integrator": link.organisation.name, "url": url},
        key=f"integrators.{what}:{link.id}",
        about=link.client_id,
        wanted=wanted,
    )


def _link_of(message: Message) -> UUID:
    return UUID(message.key.rpartition(":")[2])
