"""Step-up: where a signed-in user proves recent authentication. Its callback is the common one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from django.urls import path

from stateful_oauth.django.actions.restarting import asks_for_another_account
from stateful_oauth.django.actions.stepping_up import start_step_up
from stateful_oauth.django.pages.form_protection import form_view

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

# The form's values come from the browser: a value that does not match is ignored.
_AGE: Final = re.compile(r"[0-9]{1,9}")
_CLASSES: Final = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,511}")
_CONNECTION: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


@form_view("POST")
def step_up(request: HttpRequest) -> HttpResponse:
    """Send the signed-in user to authenticate once more; takes `max_age`, `acr_values`, `connection`, `next`.

    The form says what is asked, and so the user can ask for less: a page that needs a recent authentication
    looks at `auth_time` and `acr` of the session.
    """
    return start_step_up(
        request,
        # At the age of 0, the provider asks who it is.
        max_age=0 if asks_for_another_account(request) else int(_sent(request, "max_age", _AGE) or 0),
        acr_values=_sent(request, "acr_values", _CLASSES),
        connection=_sent(request, "connection", _CONNECTION),
    )


def _sent(request: HttpRequest, name: str, form: re.Pattern[str]) -> str:
    value = request.POST.get(name, "")
    return value if form.fullmatch(value) else ""


urlpatterns = [path("step-up/", step_up, name="step_up")]
