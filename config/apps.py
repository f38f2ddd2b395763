"""The deployment itself as an app: it has commands and no tables, and guards where each of its processes connects to."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    label = "config"

    def ready(self) -> None:
        from django.conf import settings

        from shared_apps.kit import outgoing

        outgoing.install(settings.SMOALL_SERVERS)
