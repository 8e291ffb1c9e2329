"""What several flows share of the protocol: authorization, OpenID values, grants, access tokens."""
