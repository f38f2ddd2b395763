"""The deployment's settings with the toys installed: for workers that tests start."""

import os

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS, Q_CLUSTER

INSTALLED_APPS = [*INSTALLED_APPS, "tests.toys.apps.ToysConfig"]
Q_CLUSTER = Q_CLUSTER | {"poll": 0.05, "guard_cycle": 0.1}
SMOALL_TIMED_JOBS = os.environ.get("TOY_TIMED_JOBS", "tests.toys.jobs.NO_TIMED_JOBS")
EMAIL_BACKEND = "shared_apps.mail.backend.FolderBackend"
