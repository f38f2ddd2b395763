"""From a stored dotted name to a function of Smoall's that is marked for it: a row can name nothing else."""

from importlib import import_module
from typing import Any

from django.apps import apps

from shared_apps.jobs import JobFunction


class UnknownName(LookupError):
    """No function of an installed module that is marked for this use has that name."""


def find_marked(name: str, kind: type) -> Any:
    """The top-level object `package.module.name`, of type `kind`, in an installed app. Raises UnknownName."""
    module, _, attribute = name.rpartition(".")
    installed = [config.name for config in apps.get_app_configs()]
    if not any(module == name or module.startswith(f"{name}.") for name in installed):
        raise UnknownName(f"{name!r} is in no installed module")
    try:
        found = getattr(import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        raise UnknownName(f"{name!r}: {error}") from error
    if not isinstance(found, kind):
        raise UnknownName(f"{name!r} is not marked as a {kind.__name__}")
    return found


def find(name: str) -> JobFunction[Any]:
    """The job of that name. Raises UnknownName."""
    found: JobFunction[Any] = find_marked(name, JobFunction)
    if found.name != name:
        raise UnknownName(f"{name!r} is called {found.name!r}")
    return found
