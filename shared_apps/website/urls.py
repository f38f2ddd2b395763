"""Addresses of the website. Each page has one that leaves the language to the visitor, and one in each language."""

from django.conf import settings
from django.urls import include, path, register_converter

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

pages = [
    path("", views.page, {"name": "home"}, name="home"),
    path("features/", views.page, {"name": "features"}, name="features"),
    path("prices/", views.prices, name="prices"),
    path("integrators/", views.page, {"name": "integrators"}, name="integrators"),
    path("security/", views.page, {"name": "security"}, name="security"),
    path("contact/", views.contact, name="contact"),
    path("cookies/", views.cookies, name="cookies"),
    path("terms/", views.legal, {"kind": "terms"}, name="terms"),
    path("terms/<slug:version>/", views.legal, {"kind": "terms"}, name="terms-version"),
    path("privacy/", views.legal, {"kind": "privacy"}, name="privacy"),
    path("privacy/<slug:version>/", views.legal, {"kind": "privacy"}, name="privacy-version"),
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
