"""Auth0 and any other OpenID Provider: the transport, the ID-token rules, and the provider port.

What others use: `config.Auth0Config`, `provider.Auth0Provider`, and `transport.Transport` for tests.
Nothing is imported here, so that reading a configuration does not load an HTTP client and a cryptography
library.
"""
