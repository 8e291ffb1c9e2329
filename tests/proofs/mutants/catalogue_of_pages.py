"""Mutants of the pages that refuse, and of the ways out of them: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

AGAIN = ("tests/integrations/django/sign_in/test_start_again.py",)
PERMISSIONS = ("tests/integrations/django/sign_in/test_permissions.py",)
LOGOUT = ("tests/integrations/django/sessions/test_logout.py",)
EXPIRY = ("tests/integrations/django/sign_in/test_expiry.py",)
FORMS = ("tests/integrations/django/sign_in/test_refused_forms.py",)

MUTANTS = (
    Mutant("a form of another site fills in a valid one", "integrations/django/pages/form_protection.py",
           'if code != "form_origin" and _is_own(request):', "if True:", FORMS),
    Mutant("a trusted origin fills in a valid form", "integrations/django/pages/form_protection.py",
           'if code != "form_origin" and _is_own(request):', 'if code != "form_origin":', FORMS),
    Mutant("another user's sign-in keeps the secret of forms", "integrations/django/sessions/sign_ins.py",
           "keeps_forms=same_user and _has_current_hash(request, user)", "keeps_forms=True", FORMS),
    Mutant("a renewed sign-in breaks the forms of other tabs", "integrations/django/sessions/sign_ins.py",
           "keeps_forms=same_user and _has_current_hash(request, user)", "keeps_forms=False", FORMS),
    Mutant("a changed password keeps the secret of forms", "integrations/django/sessions/sign_ins.py",
           "keeps_forms=same_user and _has_current_hash(request, user)", "keeps_forms=same_user", FORMS),
    Mutant("another browser starts an attempt again", "integrations/django/actions/restarting.py",
           "return started_by(browsers, transaction_id) if browsers else None",
           "from stateful_oauth.storage.models import FlowTransaction as Row\n"
           "    return Row.objects.filter(pk=transaction_id).first()",
           AGAIN),
    Mutant("a URL starts an attempt again", "integrations/django/actions/restarting.py",
           'return _own(request, request.POST.get("attempt", "")) if request.method == "POST" else None',
           'return _own(request, request.POST.get("attempt") or request.GET.get("attempt", ""))', AGAIN),
    Mutant("a row that succeeded keeps what it was asked with", "flows/engine/machine.py",
           "if restart is None or not final.outcome.KEEPS_RESTART:", "if restart is None:", AGAIN),
    Mutant("a silent attempt is refused again", "integrations/django/actions/restarting.py",
           """        if "none" in str(parameters.get("prompt")).split():\n""", "        if False:\n", AGAIN),
    Mutant("a wrong request is sent again", "integrations/django/actions/restarting.py",
           "left_out = _left_out(row.code, tenant)", "left_out = ()", AGAIN),
    Mutant("another account is not asked for", "integrations/django/actions/restarting.py",
           '        parameters["prompt"] = tenant.another_account_prompt\n', "        pass\n", AGAIN),
    Mutant("a user without the permission goes in circles", "integrations/django/actions/starting.py",
           "if is_plain and has_just_arrived(request, inputs, tenant):", "if False:", PERMISSIONS),
    Mutant("another page counts as refused", "integrations/django/pages/permissions.py",
           "or arrived[0] != asked.asked", "", PERMISSIONS),
    Mutant("another account counts as asked for something else", "flows/oauth/inputs.py",
           ' and name != "prompt"', "", PERMISSIONS),
    Mutant("a refusal is never asked about again", "integrations/django/pages/permissions.py",
           "-_JUST_NOW < age < _JUST_NOW", "True", PERMISSIONS),
    Mutant("a sign-out leads wherever the form says", "integrations/django/actions/signing_out.py",
           'return wanted if wanted and _absolute(wanted, base_url) in logout_next_urls() else ""', "return wanted", LOGOUT),
    Mutant("a sign-out leads to another host", "integrations/django/actions/signing_out.py",
           "    if not may_go_to(url):\n        return \"\"\n", "", LOGOUT),
    Mutant("a sign-out names another tenant's session", "integrations/django/actions/signing_out.py",
           'details.get("sid") or None if tenant == own else None', 'details.get("sid")', LOGOUT),
    Mutant("an expired attempt of a signed-in user is a dead end", "integrations/django/pages/responses.py",
           "        and request.user.is_authenticated\n", "        and False\n", EXPIRY),
    Mutant("an expired step-up counts as one", "integrations/django/pages/responses.py",
           "        and not declaration_of(kind).needs_user\n", "", ("tests/flows/step_up/test_step_up.py",)),
    Mutant("purging loses the figures of the attempts", "integrations/django/sweeps/purging.py",
           "    count_hours(before=hour_of(before) + HOUR, are_final=True)  # the numbers outlive the rows\n", "",
           ("tests/integrations/django/attempts/test_report.py",)),
    Mutant("an hour is counted anew after a purge", "storage/attempt_figures.py",
           "            if hour not in final\n", "",
           ("tests/integrations/django/attempts/test_report.py",)),
    Mutant("an hour with open attempts is final", "storage/attempt_figures.py",
           "is_final=is_final or figures.still_open == 0,", "is_final=True,",
           ("tests/integrations/django/attempts/test_report.py",)),
    Mutant("rejected events count as edges", "storage/attempt_figures.py",
           "transaction_id__lt=last, rejected=False)", "transaction_id__lt=last)",
           ("tests/integrations/django/attempts/test_report.py",)),
    Mutant("a visitor's names have no bound", "storage/attempt_figures.py",
           "if name not in known and len(known) >= _MOST_NAMES:", "if False:",
           ("tests/integrations/django/attempts/test_report.py",)),
    Mutant("all attempts are shown without a permission", "integrations/django/operators/attempts_page.py",
           "        if not self.has_view_permission(request):\n            raise PermissionDenied\n", "",
           ("tests/integrations/django/attempts/test_page.py",)),
    Mutant("a cell of the download is a formula", "integrations/django/operators/attempts_page.py",
           "if text.startswith(_FORMULA) else text", "if False else text",
           ("tests/integrations/django/attempts/test_page.py",)),
)  # fmt: skip
