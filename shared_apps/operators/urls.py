"""Addresses of the operators' console, at the root of ops."""

from django.urls import path

from shared_apps.operators.views import (
    clients,
    departures,
    health,
    integrators,
    lifecycle,
    overview,
    team,
    work,
)

app_name = "operators"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("clients/", clients.clients, name="clients"),
    path("clients/new/", lifecycle.provision, name="provision"),
    path("clients/<uuid:id>/", clients.client, name="client"),
    path("clients/<uuid:id>/suspend/", lifecycle.suspend, name="suspend"),
    path("clients/<uuid:id>/resume/", lifecycle.resume, name="resume"),
    path("clients/<uuid:id>/ask-for-copy/", lifecycle.ask_for_copy, name="ask-for-copy"),
    path("clients/<uuid:id>/erase/", lifecycle.erase, name="erase"),
    path("clients/<uuid:id>/cancel-erasure/", lifecycle.cancel_erasure, name="cancel-erasure"),
    path("clients/<uuid:id>/give-notice/", departures.give_notice, name="give-notice"),
    path("clients/<uuid:id>/move-day/<slug:category>/", departures.move_day, name="move-day"),
    path("clients/<uuid:id>/withdraw-notice/", departures.withdraw_notice, name="withdraw-notice"),
    path("clients/<uuid:id>/proofs/<uuid:instruction>/", departures.proof, name="proof"),
    path("departures/", departures.departures, name="departures"),
    path("work/", work.sagas, name="work"),
    path("work/jobs/", work.jobs, name="jobs"),
    path("work/jobs/<uuid:id>/retry/", work.retry_job, name="retry-job"),
    path("work/<uuid:id>/", work.saga, name="saga"),
    path("work/<uuid:id>/progress/", work.progress, name="progress"),
    path("work/<uuid:id>/retry/", work.retry, name="retry"),
    path("integrators/", integrators.integrators, name="integrators"),
    path("integrators/new/", integrators.create, name="create-integrator"),
    path("integrators/<uuid:id>/", integrators.integrator, name="integrator"),
    path("integrators/<uuid:id>/people/<uuid:person>/resend/", integrators.resend, name="resend-integrator"),
    path("operators/", team.operators, name="team"),
    path("operators/invite/", team.invite, name="invite"),
    path("operators/<uuid:id>/resend/", team.resend, name="resend"),
    path("operators/<uuid:id>/withdraw/", team.withdraw, name="withdraw"),
    path("operators/<uuid:id>/deactivate/", team.deactivate, name="deactivate"),
    path("operators/<uuid:id>/reactivate/", team.reactivate, name="reactivate"),
    path("health/", health.health, name="health"),
    path("health/inspect/", health.inspect, name="inspect"),
    path("health/progress/", health.progress, name="health-progress"),
]
