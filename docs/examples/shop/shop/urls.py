"""The shop's addresses."""

from django.urls import include, path

from shop import views

urlpatterns = [
    path("konto/", include("stateful_oauth.django.urls")),
    path("basket/", views.basket),
    path("gifts/", views.give, name="give"),
    path("gifts/<uuid:gift>/<slug:event>/", views.answer, name="answer_gift"),
]
