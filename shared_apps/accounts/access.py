"""What a view declares about who may open it; the middleware holds it. A view without answers 403.

    @public                       everybody
    @signed_in                    whoever is signed in on this host
    @requires("contacts.edit")    whoever's role has that right

For functions and class views. Outermost or below other decorators that keep attributes (functools.wraps).
In a suspended workspace only reading is left, save for views marked `when_suspended=True`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar, overload

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver
from django.views import View

from shared_apps.accounts.models import User

Target = TypeVar("Target", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Access:
    kind: Literal["public", "signed_in", "requires"]
    right: str = ""
    when_suspended: bool = False


def access_of(view: Callable[..., Any]) -> Access | None:
    """What a URL's callback declares, None when nothing."""
    found = getattr(view, "access", None)
    return found if isinstance(found, Access) else None


def person_of(request: HttpRequest) -> User:
    """Who is signed in. Raises PermissionDenied when nobody is."""
    if not isinstance(request.user, User):
        raise PermissionDenied("nobody is signed in")
    return request.user


@cache
def rights_of(urlconf: str) -> frozenset[str]:
    """Every right that some address of a URLconf asks for: what can matter on that host."""
    found, left = set(), list(get_resolver(urlconf).url_patterns)
    while left:
        pattern = left.pop()
        if isinstance(pattern, URLResolver):
            left += pattern.url_patterns
        elif isinstance(pattern, URLPattern) and (access := access_of(pattern.callback)) and access.right:
            found.add(access.right)
    return frozenset(found)


@overload
def public(view: Target, /) -> Target: ...
@overload
def public(*, when_suspended: bool = False) -> Callable[[Target], Target]: ...
def public(view: Any = None, /, *, when_suspended: bool = False) -> Any:
    """Everybody may open it."""
    mark = _marker(Access("public", when_suspended=when_suspended))
    return mark(view) if view is not None else mark


@overload
def signed_in(view: Target, /) -> Target: ...
@overload
def signed_in(*, when_suspended: bool = False) -> Callable[[Target], Target]: ...
def signed_in(view: Any = None, /, *, when_suspended: bool = False) -> Any:
    """Whoever is signed in on this host may open it."""
    mark = _marker(Access("signed_in", when_suspended=when_suspended))
    return mark(view) if view is not None else mark


def requires(right: str, *, when_suspended: bool = False) -> Callable[[Target], Target]:
    """Whoever's role has `right` ("module.verb", declared in a module's `rights`) may open it."""
    return _marker(Access("requires", right, when_suspended))


def _marker(access: Access) -> Callable[[Any], Any]:
    def mark(view: Any) -> Any:
        if isinstance(view, type) and issubclass(view, View):
            _mark_class(view, access)
        else:
            view.access = access
        return view

    return mark


def _mark_class(view: Any, access: Access) -> None:
    """`as_view()` copies the attributes of `dispatch` to what the URL calls."""
    inherited = view.dispatch

    def dispatch(self: Any, *args: Any, **kwargs: Any) -> Any:
        return inherited(self, *args, **kwargs)

    dispatch.__dict__.update(inherited.__dict__)
    dispatch.access = access  # type: ignore[attr-defined]
    view.dispatch = dispatch
    view.access = access
