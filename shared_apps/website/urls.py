"""Addresses of the website. Its pages stand in site.PAGES, in the order of the menus."""

from django.urls import URLPattern, path

from shared_apps.website import views

app_name = "website"


def legal_texts(kind: str) -> list[URLPattern]:
    """The version in force; and each version, in each language, as a page, as the file, and against the one before."""
    given = {"kind": kind}
    version, language = f"{kind}/<slug:version>/", f"{kind}/<slug:version>/<slug:language>/"
    return [
        path(f"{kind}/", views.legal, given, name=kind),
        path(version, views.legal, given, name=f"{kind}-version"),
        path(language, views.legal, given, name=f"{kind}-language"),
        path(f"{language}text/", views.legal_text, given, name=f"{kind}-text"),
        path(f"{language}changes/", views.legal_changes, given, name=f"{kind}-changes"),
    ]


urlpatterns = [
    path("", views.page, {"name": "home"}, name="home"),
    path("integrators/", views.page, {"name": "integrators"}, name="integrators"),
    path("security/", views.page, {"name": "security"}, name="security"),
    path("contact/", views.contact, name="contact"),
    path("cookies/", views.cookies, name="cookies"),
    *legal_texts("terms"),
    *legal_texts("privacy"),
    *legal_texts("processing"),
    path("sub-processors/", views.sub_processors, name="sub-processors"),
    path("language/", views.language, name="language"),
    path("robots.txt", views.robots, name="robots"),
    path("sitemap.xml", views.sitemap, name="sitemap"),
    path("favicon.ico", views.favicon, name="favicon"),
    path(".well-known/security.txt", views.security_txt, name="security-txt"),
    path(".well-known/smoall-keys.json", views.keys, name="keys"),
]
