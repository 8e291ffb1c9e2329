"""UserInfo (OpenID Connect Core §5.3): claims that the ID token lacks, asked for once, at the sign-in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.auth0.id_token import certain_claims
from stateful_oauth.auth0.signature import verified_claims
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.errors import IdTokenRejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stateful_oauth.auth0.algorithms import PublicKey
    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.auth0.discovery import Discovery
    from stateful_oauth.auth0.json_members import Members
    from stateful_oauth.auth0.transport import Answer, Transport
    from stateful_oauth.flows.oauth.openid import VerifiedIdentity

_MOST_BYTES: Final = 65_536
# What a scope promises (OpenID Connect Core §5.4): the ID token lacks it where it has none of these.
_PROMISED: Final[Mapping[str, tuple[str, ...]]] = {
    "email": ("email",),
    "profile": ("name", "given_name", "nickname", "preferred_username"),
}
# Of the authentication, and so the ID token's alone.
_OF_THE_ID_TOKEN: Final = frozenset(
    {"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "azp", "nonce", "at_hash", "c_hash", "s_hash"}
    | {"auth_time", "acr", "amr", "sid", "org_id", "org_name", "_claim_names", "_claim_sources"}
)
# A claim that says something of another one means nothing beside another value of it.
_SAYS_OF: Final = {"email_verified": "email", "phone_number_verified": "phone_number"}


class UserInfo:
    """Asks the UserInfo endpoint of one provider, where the settings want it. Serves all threads.

    Args:
        key: Finds the provider's key by its id, for signed answers.
        key_again: See `signature.verified_claims`.
    """

    def __init__(
        self,
        config: Auth0Config,
        discovery: Discovery,
        transport: Transport,
        *,
        key: Callable[[str | None], PublicKey | bytes],
        key_again: Callable[[str | None, PublicKey], PublicKey | None],
    ) -> None:
        self._config, self._discovery, self._transport = config, discovery, transport
        self._key, self._key_again = key, key_again

    def complete(
        self, identity: VerifiedIdentity, access_token: Secret, *, scope: str, time_limit: float
    ) -> VerifiedIdentity:
        """Return an identity with the claims that UserInfo adds. What the ID token says stays as it is.

        Args:
            scope: What was asked for, separated by spaces.
            time_limit: Seconds for everything. No second try is made.

        Raises:
            FlowError: `userinfo_failed`: no usable answer came. `userinfo_rejected`: its signature, issuer or
                audience is wrong. `userinfo_subject_mismatch`: it is about another user
                (docs/security-checklist.md T16). `claims_distributed`: claims are elsewhere
                (OpenID Connect Core §5.6.2).
        """
        self._refuse_distributed(identity.claims)
        if not self._is_wanted(identity.claims, scope):
            return identity
        claims = self._ask(access_token, time_limit)
        if claims.get("sub") != identity.subject:
            raise FlowError("userinfo_subject_mismatch", "UserInfo is about another user than the ID token.")
        self._refuse_distributed(claims)
        return replace(identity, claims=_merged(identity.claims, certain_claims(claims)))

    def _is_wanted(self, claims: Mapping[str, Any], scope: str) -> bool:
        if self._config.userinfo != "when_missing":
            return self._config.userinfo == "always"
        promised = [names for name, names in _PROMISED.items() if name in scope.split()]
        return not all(any(claims.get(name) for name in names) for names in promised)

    def _refuse_distributed(self, claims: Mapping[str, Any]) -> None:
        names = claims.get("_claim_names")
        if names is None or self._config.distributed_claims == "ignore":
            return
        named = ", ".join(sorted(map(ascii, names))[:10]) if isinstance(names, dict) else "unnamed"
        raise FlowError("claims_distributed", f"The provider keeps claims elsewhere: {named}."[:300])

    def _ask(self, access_token: Secret, time_limit: float) -> dict[str, Any]:
        try:
            answer = self._transport.get(
                self._endpoint(time_limit),
                headers={
                    "Authorization": Secret(f"Bearer {access_token.reveal()}"),
                    "Accept": "application/json, application/jwt",
                },
                time_limit=time_limit,
            )
        except FlowError as error:
            # The code is spent: nothing that would have the exchange repeated, or called unsent.
            failure = FlowError("userinfo_failed", f"UserInfo could not be read ({error.code or error}).")
        else:
            return self._read(answer)
        raise failure

    def _endpoint(self, time_limit: float) -> str:
        endpoint = self._discovery.metadata(time_limit).userinfo_endpoint
        if endpoint is None:
            raise FlowError("discovery_invalid", "The provider announces no userinfo_endpoint.")
        return endpoint

    def _read(self, answer: Answer) -> dict[str, Any]:
        if answer.status != 200:
            raise FlowError("userinfo_failed", f"UserInfo was answered with status {answer.status}.")
        if len(answer.body) > _MOST_BYTES:
            raise FlowError("userinfo_failed", f"UserInfo is longer than {_MOST_BYTES} bytes.")
        if answer.media_type == "application/jwt":
            return self._signed(answer)
        members: Members | None = answer.members_or_none()
        if members is None:
            raise FlowError("userinfo_failed", "UserInfo is neither a JSON object nor a signed one.")
        return members.as_dict()

    def _signed(self, answer: Answer) -> dict[str, Any]:
        """Check a signed answer (OpenID Connect Core §5.3.2): `iss` and `aud`, where it has them, as well."""
        config = self._config
        try:
            claims = verified_claims(
                Secret(answer.body.decode("ascii", "replace").strip()),
                algorithm=config.id_token_signing_alg,
                key=self._key,
                key_again=self._key_again,
            )
        except IdTokenRejected as error:
            rejected = FlowError("userinfo_rejected", f"The signed UserInfo is not valid ({error.code}).")
        else:
            audience = claims.get("aud", config.client_id)
            if claims.get("iss", config.issuer) == config.issuer and (
                config.client_id in audience if isinstance(audience, list) else audience == config.client_id
            ):
                return claims
            rejected = FlowError("userinfo_rejected", "The signed UserInfo is of another issuer or client.")
        raise rejected


def _merged(known: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    added = {
        name: value
        for name, value in asked.items()
        if name not in _OF_THE_ID_TOKEN
        and name not in known
        and (name not in _SAYS_OF or known.get(_SAYS_OF[name]) in {None, asked.get(_SAYS_OF[name])})
    }
    return {**known, **added}
