"""Addresses of accounts, at the root of app., ops. and every workspace's host."""

from django.urls import path

from shared_apps.accounts import views, views_factors

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign-in"),
    path("sign-in/second/", views_factors.second, name="second"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("forgot/", views.forgot, name="forgot"),
    path("reset/<str:token>/", views.reset, name="reset"),
    path("invitation/<str:token>/", views.invitation, name="invitation"),
    path("enter/<str:token>/", views.enter, name="enter"),
    path("language/<str:code>/", views.language, name="language"),
    path("me/", views.me, name="me"),
    path("email/<str:token>/", views.email, name="email"),
    path("me/email/", views.new_email, name="new-email"),
    path("me/password/", views.password, name="password"),
    path("me/sessions/", views.sessions, name="sessions"),
    path("me/sessions/revoke-others/", views.revoke_others, name="revoke-others"),
    path("me/sessions/<uuid:id>/revoke/", views.revoke, name="revoke"),
    path("me/factors/", views_factors.factors, name="factors"),
    path("me/factors/prove/", views_factors.prove, name="prove"),
    path("me/factors/app/", views_factors.app, name="app"),
    path("me/factors/app/remove/", views_factors.remove_app, name="remove-app"),
    path("me/factors/codes/", views_factors.codes, name="codes"),
    path("me/factors/passkeys/add/", views_factors.add_passkey, name="add-passkey"),
    path("me/factors/passkeys/<uuid:id>/rename/", views_factors.rename_passkey, name="rename-passkey"),
    path("me/factors/passkeys/<uuid:id>/remove/", views_factors.remove_passkey, name="remove-passkey"),
]
