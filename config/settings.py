"""Django's settings: one file. What may differ between deployments comes from env.py."""

from datetime import date
from pathlib import Path

from config import embedded_postgres, postgres_programs
from config.database import LOGINS, UPKEEP, admin_url, databases
from config.env import Env
from config.mail import email_settings
from config.payments import processor
from config.secrets import login_password, secret_key
from config.servers import servers

BASE_DIR = Path(__file__).resolve().parent.parent
ENV = Env.read()

SMOALL_RELEASE = "0.1.0"
SMOALL_RELEASED_ON = date(2026, 11, 23)
SMOALL_DATA = ENV.data
SMOALL_DOMAIN = ENV.domain
SMOALL_PORT = ENV.port
SMOALL_PROCESS = ENV.process
SMOALL_KILL_AT = ENV.kill_at
SMOALL_IS_PRODUCTION = ENV.is_production
SMOALL_COPIES_DAYS = ENV.copies_days
SMOALL_CONTROLLER = "The Wago Company sprl, Rue des Anges 65, 1320 Beauvechain, Belgium"
SMOALL_ERASURES_PER_DAY = ENV.erasures_per_day
SMOALL_RETENTION_PER_DAY = ENV.retention_per_day
SMOALL_SIGN_UP_MAILS_PER_HOUR = ENV.sign_up_mails
SMOALL_POOL_FLOOR = ENV.pool_floor
SMOALL_POOL_CEILING = ENV.pool_ceiling
SMOALL_FLEET_AT_START = ENV.fleet_at_start
SMOALL_SUPPORT = "support@smoall.com"
SMOALL_WEB = ENV.web
SMOALL_IN_CONTAINER = ENV.in_container
SMOALL_SELLER = {  # on Smoall's own invoices (billing/seller.py)
    "name": "The Wago Company sprl",
    "street": "Rue des Anges 65",
    "postal_code": "1320",
    "city": "Beauvechain",
    "country": "BE",
    "vat_number": ENV.seller_vat,
    "iban": ENV.seller_iban,
    "email": SMOALL_SUPPORT,
}

SECRET_KEY = secret_key(ENV.data)
SECRET_KEY_FALLBACKS = list(ENV.old_secret_keys)  # docs/secret-key.md
DEBUG = False
ALLOWED_HOSTS = [f".{ENV.domain}"]
FORCE_SCRIPT_NAME = ""  # no server and no header moves the addresses
WSGI_APPLICATION = "config.wsgi.application"
ROOT_URLCONF = "config.urls_website"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- apps: the order decides whose templates and commands win --------------------------------------------
BOTH = [
    "django.contrib.contenttypes",
    "shared_apps.accounts.apps.AccountsConfig",
    "shared_apps.history.apps.HistoryConfig",
    "shared_apps.mail.apps.MailConfig",
]
SHARED_APPS = [
    *BOTH,
    "tenants.apps.TenantsConfig",
    "shared_apps.clients.apps.ClientsConfig",
    "shared_apps.legal.apps.LegalConfig",
    "shared_apps.sharing.apps.SharingConfig",
    "shared_apps.integrators.apps.IntegratorsConfig",
    "shared_apps.requests.apps.RequestsConfig",
    "shared_apps.operators.apps.OperatorsConfig",
    "shared_apps.jobs.apps.JobsConfig",
    "shared_apps.website.apps.WebsiteConfig",
    "billing.apps.BillingConfig",
    "shared_apps.promises.apps.PromisesConfig",
    "django_q",
]
TENANT_APPS = [
    *BOTH,
    "tenant_apps.home.apps.HomeConfig",
    "tenant_apps.team.apps.TeamConfig",
    "tenant_apps.contacts.apps.ContactsConfig",
    "tenant_apps.history.apps.HistoryPagesConfig",
]
INSTALLED_APPS = list(
    dict.fromkeys(
        [
            *SHARED_APPS,
            *TENANT_APPS,
            "shared_apps.kit.apps.KitConfig",
            "config.apps.ConfigConfig",
            "django_tenants",
            "auditlog",
            "django.contrib.auth",
            "django.contrib.messages",
            "whitenoise.runserver_nostatic",
            "django.contrib.staticfiles",
            "django_htmx",
            "csp",
        ]
    )
)

# --- tenants ---------------------------------------------------------------------------------------------
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
DATABASES = databases(ENV, SECRET_KEY)
SMOALL_LOGINS = {login: login_password(SECRET_KEY, login) for login in (*LOGINS.values(), UPKEEP)}
SMOALL_OLD_LOGINS = [
    {login: login_password(key, login) for login in SMOALL_LOGINS} for key in ENV.old_secret_keys
]
SMOALL_ADMIN_URL = (
    admin_url(ENV)
    if ENV.process == "command" and (ENV.database_url or embedded_postgres.is_made(ENV.data))
    else ""
)
SMOALL_PG_DUMP = str(postgres_programs.bin("pg_dump"))
DATABASE_ROUTERS = ["tenants.router.SchemaRouter"]
TENANT_SYNC_ROUTER = "tenants.router.SchemaRouter"
MIGRATION_MODULES = {"auditlog": None}
AUDITLOG_LOGENTRY_MODEL = "history.LogEntry"
SILENCED_SYSTEM_CHECKS: list[str] = []

# --- requests --------------------------------------------------------------------------------------------
MIDDLEWARE = [
    "shared_apps.kit.cookies.CookiesMiddleware",
    "shared_apps.kit.headers.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tenants.middleware.HostMiddleware",
    "shared_apps.accounts.middleware.SessionMiddleware",
    "shared_apps.operators.middleware.GrantMiddleware",
    "shared_apps.accounts.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "shared_apps.accounts.middleware.AccessMiddleware",
    "shared_apps.operators.middleware.ConfidentialityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "shared_apps.kit.context.page",
                "shared_apps.accounts.context.page",
                "tenants.context.page",
            ],
        },
    }
]
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["shared_apps.accounts.backend.EmailBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "shared_apps.accounts.backend.OwnWordsValidator"},
]
LOGIN_URL = "accounts:sign-in"

SESSION_ENGINE = "shared_apps.accounts.sessions"
SESSION_COOKIE_NAME = "__Host-session"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_NAME = "__Host-language"
CSRF_USE_SESSIONS = True
CSRF_FAILURE_VIEW = "shared_apps.kit.views.csrf_failed"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

SECURE_SSL_REDIRECT = ENV.is_production
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^internal/known-host$"]  # asked by the proxy, inside
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if ENV.is_production else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.is_production else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
USE_X_FORWARDED_HOST = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": [
            "'self'",
            *([f"https://*.{ENV.domain}"] if ENV.is_production else [f"http://*.{ENV.domain}:*"]),
        ],
        "frame-ancestors": ["'none'"],
        "img-src": ["'self'"],
        "object-src": ["'none'"],
    }
}

# --- languages, dates ------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("fr", "Français"), ("en", "English")]  # of the application: every catalogue is complete
WEBSITE_LANGUAGES = [("fr", "Français"), ("nl", "Nederlands"), ("en", "English"), ("de", "Deutsch")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Europe/Brussels"

# --- files -----------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = ENV.data / "static"
MEDIA_ROOT = ENV.data / "files"
STORAGES = {
    "default": {"BACKEND": "shared_apps.kit.files.TenantStorage"},
    "staticfiles": {"BACKEND": "shared_apps.kit.files.StaticStorage"},
}
WHITENOISE_MAX_AGE = 3600
WHITENOISE_ALLOW_ALL_ORIGINS = False

# --- cache, jobs, mail -----------------------------------------------------------------------------------
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "KEY_FUNCTION": "shared_apps.kit.cache.key",
        "REVERSE_KEY_FUNCTION": "shared_apps.kit.cache.reverse",
    }
}
Q_CLUSTER = {
    "name": "smoall",
    "orm": "default",
    "broker_class": "shared_apps.jobs.broker.Broker",
    "workers": 4,  # long work may hold some; mails and sign-ups must not wait for it
    "timeout": 600,
    "retry": 720,
    "poll": 0.3,
    "scheduler": False,  # timed jobs: config/schedule.py
    "save_limit": -1,  # successes are not kept: the Job row is the record
    "ack_failures": True,
    "catch_up": False,
    "queue_limit": 4,
    "bulk": 1,
    "recycle": 200,
    "label": "Jobs",
}
SMOALL_PERMITS = "shared_apps.operators.permits"
SMOALL_TIMED_JOBS = "config.schedule.TIMED_JOBS"
globals().update(email_settings(ENV))
STRIPE_KEY, STRIPE_WEBHOOK_SECRET, STRIPE_API, STRIPE_PAGES = processor(ENV, SECRET_KEY)
SMOALL_SERVERS = servers(
    ENV, DATABASES["default"], email_settings(ENV)
)  # beside partners, all that is connected to

# --- logs: never an address, never a body ------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "shared_apps.kit.logs.WithoutValues",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "filters": {"without_address": {"()": "shared_apps.kit.logs.WithoutAddress"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["without_address"]}
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "smoall": {"level": "INFO"},
        "django-q": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        "stripe": {"level": "WARNING"},  # below it whole answers are written, with what is known of a card
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "django.security.csrf": {"level": "ERROR"},
    },
}
