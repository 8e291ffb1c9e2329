"""Signing in to Django's admin with the provider: name these URLs before the admin's own.

    path("admin/", include("stateful_oauth.django.admin_urls")),
    path("admin/", admin.site.urls),

The admin keeps its templates. For another site than the default one, add its name:
`path("ops/", include("stateful_oauth.django.admin_urls"), {"site_name": "ops"})`.
"""

from __future__ import annotations

from django.urls import path

from stateful_oauth.django.views.admin_site import admin_login, admin_logout

urlpatterns = [
    path("login/", admin_login),
    path("logout/", admin_logout),
]
