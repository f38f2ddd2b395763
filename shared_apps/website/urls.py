"""Addresses of the website. Each page has one that leaves the language to the visitor, and one in each language."""

from django.conf import settings
from django.urls import URLPattern, include, path, register_converter

from shared_apps.website import views

app_name = "website"


class Language:
    """The code of a language that the website speaks."""

    regex = "|".join(code for code, _name in settings.WEBSITE_LANGUAGES)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Language, "language")


def legal_texts(kind: str) -> list[URLPattern]:
    """The version in force; and each version as a page, as the file, and against the one before."""
    given, version = {"kind": kind}, f"{kind}/<slug:version>/"
    return [
        path(f"{kind}/", views.legal, given, name=kind),
        path(version, views.legal, given, name=f"{kind}-version"),
        path(f"{version}text/", views.legal_text, given, name=f"{kind}-text"),
        path(f"{version}changes/", views.legal_changes, given, name=f"{kind}-changes"),
    ]


pages = [
    path("", views.page, {"name": "home"}, name="home"),
    path("features/", views.page, {"name": "features"}, name="features"),
    path("prices/", views.prices, name="prices"),
    path("integrators/", views.page, {"name": "integrators"}, name="integrators"),
    path("security/", views.page, {"name": "security"}, name="security"),
    path("contact/", views.contact, name="contact"),
    path("cookies/", views.cookies, name="cookies"),
    *legal_texts("terms"),
    *legal_texts("privacy"),
    *legal_texts("processing"),
    path("sub-processors/", views.sub_processors, name="sub-processors"),
]
urlpatterns = [
    *pages,
    path("<language:language>/", include(pages)),
    path("language/", views.language, name="language"),
    path("robots.txt", views.robots, name="robots"),
    path("sitemap.xml", views.sitemap, name="sitemap"),
    path("favicon.ico", views.favicon, name="favicon"),
    path(".well-known/security.txt", views.security_txt, name="security-txt"),
    path(".well-known/smoall-keys.json", views.keys, name="keys"),
]
