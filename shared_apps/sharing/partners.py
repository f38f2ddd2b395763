"""Where partners' hosts become places that this program may connect to."""

from collections.abc import Iterable

from django.utils import timezone

from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.outgoing import Destination
from shared_apps.sharing.models import Partner


def destinations() -> Iterable[Destination]:
    """The hosts of partners that are verified now; asked at each new connection, so that an end counts at once."""
    with scope.shared():
        listed = list(Partner.objects.open(day_of(timezone.now())).values_list("hosts", flat=True))
    return [Destination(host) for hosts in listed for host in hosts]
