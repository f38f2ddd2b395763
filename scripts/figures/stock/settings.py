"""Smoall's settings with the tenancy taken out and django-tenants', as its documentation has it, put in."""

from typing import Any
from urllib.parse import unquote, urlsplit

from config import settings as product

globals().update({name: getattr(product, name) for name in dir(product) if name.isupper()})

FIGURES_SIDE = "stock"
_server = urlsplit(product.SMOALL_ADMIN_URL or "postgresql://postgres@127.0.0.1:1/")
DATABASES: dict[str, Any] = {
    "default": {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": "stock",
        "HOST": _server.hostname,
        "PORT": _server.port,
        "USER": unquote(_server.username or ""),
        "PASSWORD": unquote(_server.password or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": True,
    }
}
SHARED_APPS = ["django_tenants", "scripts.figures.stock", *product.SHARED_APPS]
INSTALLED_APPS = ["django_tenants", "scripts.figures.stock", *product.INSTALLED_APPS]
INSTALLED_APPS = list(dict.fromkeys(INSTALLED_APPS))
TENANT_MODEL = "stock.Workspace"
TENANT_DOMAIN_MODEL = "stock.Address"
PG_EXTRA_SEARCH_PATHS = ["ext"]  # the trigram operators
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
TENANT_SYNC_ROUTER = "django_tenants.routers.TenantSyncRouter"
MIGRATION_MODULES: dict[str, str] = {}
AUDITLOG_LOGENTRY_MODEL = "auditlog.LogEntry"
TENANCY = ["django_tenants.middleware.main.TenantMainMiddleware", "scripts.figures.placing.Stock"]
_at = product.MIDDLEWARE.index("tenants.middleware.HostMiddleware")
MIDDLEWARE = [*product.MIDDLEWARE[:_at], *TENANCY, *product.MIDDLEWARE[_at + 1 :]]
