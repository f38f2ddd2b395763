"""Start-up checks: every timed job exists and names a declared purpose."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error


def timed_jobs_exist(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    from shared_apps.jobs.names import UnknownName, find
    from shared_apps.jobs.timed import everything
    from shared_apps.kit.module import UnknownPurpose, known_purpose

    found: list[CheckMessage] = []
    for timed in everything():
        try:
            known_purpose(find(timed.job).purpose)
        except (UnknownName, UnknownPurpose) as error:
            found.append(Error(f"config/schedule.py: {error}", id="jobs.E001"))
    return found
