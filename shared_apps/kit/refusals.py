"""A verb's refusal, said to whoever asked for it. The verbs and their exceptions are elsewhere."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def said_on(page: str, refused: type[Exception], *names: str) -> Callable[[View], View]:
    """A view's decorator: where its verb raises `refused`, and so changed nothing, the sentence is shown on `page`.

    `names`: those of the view's arguments that the page's address has too.
    """

    def declare(view: View) -> View:
        @wraps(view)
        def wrapped(request: HttpRequest, **given: Any) -> HttpResponseBase:
            try:
                return view(request, **given)
            except refused as error:
                messages.error(request, str(error))
                there: HttpResponseBase = redirect(page, **{name: given[name] for name in names})
                return there

        return wrapped  # type: ignore[return-value]

    return declare
