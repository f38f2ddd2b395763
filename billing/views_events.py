"""Where the processor's messages arrive: app.<domain>/billing/events/. Whoever posts is known by a signature alone."""

import logging
from time import monotonic

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing import events, gateway
from shared_apps.accounts.access import public

log = logging.getLogger("smoall.billing")
SIGNATURE = "Stripe-Signature"
MOST_FORGED = 30  # a minute and process, before the answer says to go away
MINUTE = 60.0


class Forgeries:
    """How many bodies without a true signature came lately. In memory: a stranger must not make us write (P12)."""

    def __init__(self) -> None:
        self.began, self.count = 0.0, 0

    def one_more(self) -> bool:
        """Whether there are too many. The log learns of the first and of the last that it hears of."""
        now = monotonic()
        if now - self.began > MINUTE:
            self.began, self.count = now, 0
        self.count += 1
        if self.count in (1, MOST_FORGED):
            log.warning("Messages without the payment processor's signature: %s within a minute", self.count)
        return self.count > MOST_FORGED


FORGERIES = Forgeries()


@csrf_exempt
@require_POST
@public
def receive(request: HttpRequest) -> HttpResponse:
    """200: it had its effect, now or before. 400, 413, 429: it never will. 503: send it again."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdigit() or int(length) > events.MOST_BYTES:
        return _said("Too big, or without a length.", 413)
    try:
        told = events.verified(request.body, request.headers.get(SIGNATURE, ""))
    except events.Forged:
        return _said("This is not signed as it should be.", 429 if FORGERIES.one_more() else 400)
    except events.Malformed:
        return _said("This is no event.", 400)
    except gateway.NotConfigured:
        return _said("There is no billing here.", 503)
    try:
        is_new = events.receive(told, now=timezone.now())
    except gateway.Trouble as error:  # 503 rolls the transaction back: it comes again
        log.warning("An event has to come again: %s", type(error).__name__)
        return _said("Not now: send it again.", 503)
    return _said("Taken." if is_new else "Known already.", 200)


def _said(text: str, status: int) -> HttpResponse:
    return HttpResponse(text + "\n", content_type="text/plain; charset=utf-8", status=status)
