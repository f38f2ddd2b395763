"""Smoall's settings with one schema in a database of its own."""

from typing import Any
from urllib.parse import unquote, urlsplit

from config import settings as product

globals().update({name: getattr(product, name) for name in dir(product) if name.isupper()})

FIGURES_SIDE = "plain"
_server = urlsplit(product.SMOALL_ADMIN_URL or "postgresql://postgres@127.0.0.1:1/")
DATABASES: dict[str, Any] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "plain",
        "HOST": _server.hostname,
        "PORT": _server.port,
        "USER": unquote(_server.username or ""),
        "PASSWORD": unquote(_server.password or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": True,
        "OPTIONS": {"options": "-c search_path=public,ext"},
    }
}
DATABASE_ROUTERS = TENANT_SYNC_ROUTERS = ["scripts.figures.plain.router.OneSchema"]
TENANT_SYNC_ROUTER = TENANT_SYNC_ROUTERS[0]
TENANCY = ["scripts.figures.placing.Plain"]
_at = product.MIDDLEWARE.index("tenants.middleware.HostMiddleware")
MIDDLEWARE = [*product.MIDDLEWARE[:_at], *TENANCY, *product.MIDDLEWARE[_at + 1 :]]
