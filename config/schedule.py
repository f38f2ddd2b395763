"""Every timed job of the deployment, in one list. Times of day are those of Brussels.

How they are started: shared_apps/jobs/timed.py.
"""

from datetime import time

from shared_apps.jobs.timed import Timed

TIMED_JOBS = (
    Timed("shared_apps.jobs.upkeep.sweep", every=60),
    Timed("tenants.sagas.resume", every=60),
    Timed("tenants.sign_up.expire", every=600),
    Timed("tenants.publishing.look", every=3600),
    Timed("shared_apps.accounts.jobs.expire", every=900),
    Timed("shared_apps.operators.jobs.enforce_retention", every=900),
    Timed("shared_apps.operators.jobs.nightly", at=time(4, 10)),
    Timed("tenants.export.tidy", at=time(2, 30)),
    Timed("shared_apps.jobs.upkeep.tidy", at=time(2, 40)),
    Timed("shared_apps.mail.delivery.tidy", at=time(2, 50)),
    Timed("shared_apps.sharing.jobs.tend", every=900),
    Timed("shared_apps.operators.jobs.watch_requests", every=3600),
    Timed("shared_apps.operators.jobs.watch_fleet", every=3600),
    Timed("shared_apps.operators.jobs.watch_partners", at=time(8, 0)),
    Timed("tenants.orders.tidy", every=3600),
    Timed("tenants.schemas.pool.top_up", at=time(3, 20)),
    Timed("tenants.schemas.pool.refill", every=300),
    Timed("billing.standing.look", every=3600),
    Timed("billing.ending.look", every=3600),
    Timed("billing.customers.look", every=3600),
    Timed("billing.seats.nightly", at=time(1, 0)),
    Timed("billing.reconcile.nightly", at=time(1, 30)),
    Timed("billing.events.tidy", at=time(3, 10)),
    Timed("shared_apps.promises.jobs.prove", every=6 * 3600),  # promises.checking.EVERY
    Timed("billing.dunning.remind", at=time(9, 0)),
    Timed("billing.keeping.tidy", at=time(3, 20)),
)
