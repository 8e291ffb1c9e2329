"""The pages for operators in Django's admin. They show and never edit; what they do, the engine does."""

from __future__ import annotations

from django.contrib import admin

from stateful_oauth.django.operators.accounts import (
    AccountLinkAdmin,
    BackchannelLogoutAdmin,
    ConnectedAccountAdmin,
    GrantAdmin,
    IdentityAdmin,
    SessionAdmin,
    TenantDifferenceAdmin,
)
from stateful_oauth.django.operators.attempts_page import AttemptsAdmin
from stateful_oauth.django.operators.transactions import StuckTransactionAdmin, TransactionAdmin
from stateful_oauth.django.operators.user_page import add_inlines
from stateful_oauth.storage.models import (
    AccountLink,
    BackchannelLogout,
    ConnectedAccount,
    FlowTransaction,
    Grant,
    HourOfAttempts,
    Identity,
    Session,
    StuckTransaction,
    TenantDifference,
)

admin.site.register(StuckTransaction, StuckTransactionAdmin)
admin.site.register(FlowTransaction, TransactionAdmin)
admin.site.register(HourOfAttempts, AttemptsAdmin)
admin.site.register(Identity, IdentityAdmin)
admin.site.register(Grant, GrantAdmin)
admin.site.register(Session, SessionAdmin)
admin.site.register(BackchannelLogout, BackchannelLogoutAdmin)
admin.site.register(ConnectedAccount, ConnectedAccountAdmin)
admin.site.register(AccountLink, AccountLinkAdmin)
admin.site.register(TenantDifference, TenantDifferenceAdmin)
add_inlines(admin.site)
