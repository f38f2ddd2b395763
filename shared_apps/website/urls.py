"""Addresses of the website. Its pages stand in site.PAGES, in the order of the menus."""

from django.urls import path

from shared_apps.website import views

app_name = "website"
urlpatterns = [
    path("", views.page, {"name": "home"}, name="home"),
    path("integrators/", views.page, {"name": "integrators"}, name="integrators"),
    path("security/", views.page, {"name": "security"}, name="security"),
    path("contact/", views.contact, name="contact"),
    path("cookies/", views.cookies, name="cookies"),
    path("terms/", views.legal, {"kind": "terms"}, name="terms"),
    path("terms/<slug:version>/", views.legal, {"kind": "terms"}, name="terms-version"),
    path("privacy/", views.legal, {"kind": "privacy"}, name="privacy"),
    path("privacy/<slug:version>/", views.legal, {"kind": "privacy"}, name="privacy-version"),
    path("language/", views.language, name="language"),
    path("robots.txt", views.robots, name="robots"),
    path("sitemap.xml", views.sitemap, name="sitemap"),
    path("favicon.ico", views.favicon, name="favicon"),
    path(".well-known/security.txt", views.security_txt, name="security-txt"),
    path(".well-known/smoall-keys.json", views.keys, name="keys"),
]
