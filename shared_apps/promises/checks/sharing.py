"""Integrators, partners, courts, and where our processes connect to (P16, P30–P33)."""

from datetime import timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, Sum
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.integrators.models import Link, Look
from shared_apps.kit import outgoing, scope
from shared_apps.kit.dates import day_of
from shared_apps.promises.checking import Result, Round, check, kept_if, reading, rows
from shared_apps.sharing import walls
from shared_apps.sharing.models import Disclosure, Order, Partner, Refusal

WINDOW = timedelta(days=30)
NEWEST = 5_000
STANDING = """
    SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
     WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND c.relnamespace = current_schema()::regnamespace
"""
EXPIRED = """
    SELECT count(*) FROM sharing_disclosure d
      JOIN sharing_verification v ON v.id = d.verification_id JOIN sharing_partner p ON p.id = v.partner_id
     WHERE (d.at AT TIME ZONE 'Europe/Brussels')::date NOT BETWEEN v.verified_on AND v.valid_until
        OR p.ended_at < d.at OR NOT p.categories @> d.categories
        OR v.sha256 <> encode(sha256(convert_to(v.text, 'UTF8')), 'hex')
"""


def walls_missing(*names: str) -> int:
    """How many of these triggers are missing or off. In the shared schema."""
    wanted = {(wall.name, wall.table) for wall in walls.WALLS if wall.name in names}
    return len(wanted - set(rows(STANDING)))


@check("P30", title=_("Looks at contact details, beside the links"))
def looks_have_a_link(around: Round) -> Result:
    at_that_time = Link.objects.filter(
        Q(ended_at=None) | Q(ended_at__gte=OuterRef("at")),
        organisation=OuterRef("organisation"),
        client=OuterRef("client"),
        accepted_at__lte=OuterRef("at"),
    )
    with reading(scope.shared()):
        links = Link.objects.live().count()
        one_sided = (
            Link.objects.live().filter(Q(proposed_at=None) | Q(accepted_at__lt=F("proposed_at"))).count()
        )
        newest = Look.objects.filter(at__gt=around.now - WINDOW).values("pk")[:NEWEST]
        seen = Look.objects.filter(pk__in=newest)
        looks, strays = seen.count(), seen.filter(~Exists(at_that_time)).count()
    return kept_if(
        not (one_sided or strays),
        gettext_noop(
            "Links: %(links)s, of them agreed to by one side alone: %(one_sided)s; looks in "
            "thirty days: %(looks)s, of them without a link at that time: %(strays)s."
        ),
        links=links,
        one_sided=one_sided,
        looks=looks,
        strays=strays,
    )


@check("P31", title=_("What went to partners, beside their verified policies"))
def partners_are_verified(around: Round) -> Result:
    with reading(scope.shared()):
        today = day_of(around.now)
        partners, open_ = Partner.objects.filter(ended_at=None).count(), Partner.objects.open(today).count()
        disclosures = Disclosure.objects.count()
        ((bad,),) = rows(EXPIRED)
        missing = walls_missing("check_disclosure", "check_verification")
    return kept_if(
        not (bad or missing),
        gettext_noop(
            "Partners: %(partners)s, of them with a policy that counts today: %(open)s; things "
            "given: %(disclosures)s, of them without such a policy: %(bad)s; walls of the "
            "database that are missing: %(missing)s."
        ),
        partners=partners,
        open=open_,
        disclosures=disclosures,
        bad=bad,
        missing=missing,
    )


@check("P32", title=_("Orders of courts"))
def orders_have_two_operators(around: Round) -> Result:
    done = Q(made_at__isnull=False)
    with reading(scope.shared()):
        orders = Order.objects.count()
        latecomer = Q(confirmed_by__entered_at__gt=F("registered_at"))  # a second account of one's own
        alone = Order.objects.filter(
            done & (Q(confirmed_by=None) | Q(confirmed_by=F("registered_by")) | latecomer)
        ).count()
        silent = Order.objects.filter(done, record="", made_at__lt=around.now - timedelta(hours=1)).count()
        untold = Order.objects.untold(day_of(around.now)).filter(made_at__lt=around.now - timedelta(days=1))
        late = untold.filter(client_uuid__in=_clients()).count()
        missing = walls_missing("check_order")
    return kept_if(
        not (alone or silent or late or missing),
        gettext_noop(
            "Orders: %(orders)s; carried out by one operator alone: %(alone)s; without a record: "
            "%(silent)s; not told to the client in time: %(late)s; walls of the database that are"
            " missing: %(missing)s."
        ),
        orders=orders,
        alone=alone,
        silent=silent,
        late=late,
        missing=missing,
    )


def _clients() -> Any:
    from shared_apps.clients.models import Client

    return Client.objects.values("pk")


@check("P16", "P33", title=_("Where our processes connect to"))
def destinations_are_known(around: Round) -> Result:
    """The guard stands, and lets nothing through but our own servers and partners whose policy counts."""
    with reading(scope.shared()):
        listed = Partner.objects.open(day_of(around.now)).values_list("hosts", flat=True)
        partners = {host for hosts in listed for host in hosts}
        refused = Refusal.objects.filter(on__gte=day_of(around.now - timedelta(days=1))).aggregate(
            all=Sum("count")
        )
    found = list(outgoing.destinations())
    unknown = sum(not one.is_ours and one.host not in partners for one in found)
    off = int(not outgoing.is_installed())
    return kept_if(
        not (unknown or off),
        gettext_noop(
            "Known places: %(places)s; unknown ones: %(unknown)s; guards that are off: %(off)s; "
            "attempts that were refused since yesterday: %(refused)s."
        ),
        places=len(found),
        unknown=unknown,
        off=off,
        refused=refused["all"] or 0,
    )
