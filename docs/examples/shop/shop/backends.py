"""Who may buy in the shop."""

from shop.models import Customer
from stateful_oauth.django import AccountRefused, Auth0Backend, VerifiedIdentity


class CustomerBackend(Auth0Backend):
    """Makes customers of people who sign in, except for those that the shop has banned."""

    def get_user(self, user_id: object) -> Customer | None:
        """Return the customer of a session."""
        return Customer.objects.filter(pk=user_id, is_active=True).first()

    def may_sign_in(self, identity: VerifiedIdentity, user: Customer | None) -> None:
        """Refuse addresses that cannot be delivered to."""
        del user  # known or not
        if str(identity.claims.get("email", "")).endswith(".invalid"):
            raise AccountRefused("account_refused")
