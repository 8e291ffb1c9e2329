"""What asks for a signed-in user knows ours: Django's own means, and session authentication for APIs."""

from __future__ import annotations

import pytest
from django.contrib.auth.decorators import login_not_required, login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpResponse
from django.urls import include, path
from django.views import View

from tests.support.users_and_claims import ADA

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db, pytest.mark.urls(__name__)]

MIDDLEWARE = "django.contrib.auth.middleware.LoginRequiredMiddleware"


@login_required
def decorated(request):
    return HttpResponse(f"user:{request.user.pk}")


class Mixed(LoginRequiredMixin, View):
    def get(self, request):
        return HttpResponse(f"user:{request.user.pk}")


def plain(request):
    return HttpResponse(f"user:{request.user.pk}")


@login_not_required
def open_to_all(request):
    return HttpResponse("open")


def api_of_django_rest_framework(request):
    from rest_framework.authentication import SessionAuthentication
    from rest_framework.decorators import api_view, authentication_classes, permission_classes
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.response import Response

    @api_view(["GET", "POST"])
    @authentication_classes([SessionAuthentication])
    @permission_classes([IsAuthenticated])
    def view(request):
        return Response({"user": str(request.user.pk)})

    return view(request)


api_of_django_rest_framework.csrf_exempt = True  # as `api_view` says of its views


def ninja_urls():
    try:
        from ninja import NinjaAPI
        from ninja.security import django_auth
    except ImportError:
        return []
    api = NinjaAPI(urls_namespace="tests-of-sign-in", auth=django_auth)

    @api.get("/me")
    def me(request):
        return {"user": str(request.auth.pk)}

    return [path("ninja/", api.urls)]


urlpatterns = [
    path("decorated/", decorated),
    path("mixed/", Mixed.as_view()),
    path("plain/", plain),
    path("open/", open_to_all),
    path("drf/", api_of_django_rest_framework),
    path("profile/", plain),
    path("auth/", include("stateful_oauth.django.urls")),
    *ninja_urls(),
]


@pytest.mark.parametrize("page", ["/decorated/", "/mixed/"])
def test_visitor_is_sent_to_sign_in_and_comes_back_to_the_page(browser, page):
    sent = browser.get(page)
    assert sent["Location"] == f"/auth/login/?next={page}"
    back = browser.authorize(browser.get(sent["Location"])["Location"], ADA)
    assert browser.get(back)["Location"] == page
    assert browser.get(page).content.decode() == f"user:{browser.user_id}"


def test_middleware_that_requires_a_login_lets_visitors_sign_in_and_out(browser, settings):
    """None of the package's own pages may ask for a login first."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, MIDDLEWARE]
    assert browser.get("/open/").status_code == 200
    sent = browser.get("/plain/")
    assert sent["Location"] == "/auth/login/?next=/plain/"
    back = browser.authorize(browser.get(sent["Location"])["Location"], ADA)
    assert browser.get(back)["Location"] == "/plain/"
    assert browser.get("/plain/").content.decode() == f"user:{browser.user_id}"
    assert browser.post("/auth/logout/")["Location"].startswith("https://tenant.example/")
    assert browser.get("/plain/")["Location"] == "/auth/login/?next=/plain/"


def test_middleware_that_requires_a_login_shows_visitors_why_it_did_not_work(browser, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, MIDDLEWARE]
    refused = browser.get(browser.visitor.decline(browser.start()))
    assert refused["Location"].startswith("/auth/error/access_denied/")
    assert browser.opens(refused).status_code == 403


def test_session_authentication_of_django_rest_framework_knows_the_user(browser):
    pytest.importorskip("rest_framework")
    assert browser.get("/drf/").status_code == 403
    browser.sign_in(ADA)
    assert browser.get("/drf/").json() == {"user": browser.user_id}
    browser.client.handler.enforce_csrf_checks = True
    assert browser.post("/drf/").status_code == 403, "a form of another site has no token"


def test_session_authentication_of_django_ninja_knows_the_user(browser):
    pytest.importorskip("ninja")
    assert browser.get("/ninja/me").status_code == 401
    browser.sign_in(ADA)
    assert browser.get("/ninja/me").json() == {"user": browser.user_id}


@pytest.mark.parametrize("page", ["/drf/", "/ninja/me"])
def test_deactivated_user_is_unknown_to_apis_at_once(browser, page, django_user_model):
    pytest.importorskip("rest_framework")
    pytest.importorskip("ninja")
    browser.sign_in(ADA)
    django_user_model.objects.update(is_active=False)
    assert browser.get(page).status_code in (401, 403)
