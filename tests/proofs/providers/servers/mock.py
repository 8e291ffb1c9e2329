"""oidc-provider-mock on 127.0.0.1: `mock.py PORT FOLDER OPTIONS`."""

from __future__ import annotations

import json
import os
import sys

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from oidc_provider_mock import User, app
from werkzeug.serving import make_server

PORT, OPTIONS = int(sys.argv[1]), json.loads(sys.argv[3])
ADA = User(sub="ada", claims={"email": "ada@example.com", "name": "Ada"})
make_server(
    "127.0.0.1",
    PORT,
    app(issue_refresh_token=OPTIONS.get("refresh", True), require_nonce=True, user_claims=[ADA]),
    threaded=True,
).serve_forever()
