"""The test project's addresses."""

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"user:{request.user.pk}")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("auth/", include("stateful_oauth.django.urls")),
    path("profile/", profile),
]
