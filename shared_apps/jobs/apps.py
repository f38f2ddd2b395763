from django.core.checks import register
from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import Holding, Module


class JobsConfig(Module):
    name = "shared_apps.jobs"
    label = "jobs"
    purposes = {
        "jobs.sweep": _("To start again work that a crash interrupted"),
        "jobs.tidy": _("To forget finished work"),
    }
    holdings = (
        Holding(
            "jobs.Job",
            neutral="emptied",
            whose="client",
            category="technical",
            exported="no",
            erased="queue",
            personal=("actor",),
            why=_("To do work in the background, once"),
            kept=_("Seven days after it is done, ninety days when it failed"),
            called=_("Work in the background"),
            about="tenant_uuid",
        ),
        Holding(
            "django_q.OrmQ",
            neutral="emptied",
            whose="smoall",
            category="technical",
            exported="no",
            erased="queue",
            why=_("To wake a worker; it names a job and nothing else"),
            kept=_("Until a worker has taken it"),
            called=_("The queue"),
        ),
        Holding(
            "django_q.Task",
            neutral="emptied",
            whose="smoall",
            category="technical",
            exported="no",
            erased="queue",
            why=_("To see what a worker could not finish"),
            kept=_("Ninety days; it names a job and nothing else"),
            called=_("Work that a worker could not finish"),
        ),
        Holding(
            "django_q.Schedule",
            neutral="emptied",
            whose="smoall",
            category="technical",
            exported="no",
            erased="public",
            why=_("Unused: timed work is a list in the program"),
            kept=_("Always empty"),
            called=_("Timed work"),
        ),
    )

    def ready(self) -> None:
        from shared_apps.jobs import checks

        register(checks.timed_jobs_exist)
