"""Revenue, what is past due, and the comparison with the processor; on ops., below /billing/."""

from django.urls import path

from billing import views_ops as views

app_name = "billing-ops"
urlpatterns = [
    path("", views.revenue, name="revenue"),
    path("past-due/", views.past_due, name="past-due"),
    path("reconciliation/", views.reconciliation, name="reconciliation"),
    path("reconciliation/now/", views.compare, name="compare"),
]
