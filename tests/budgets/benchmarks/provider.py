"""A provider in a process of its own: the emulator over http or https, told what to do in lines of JSON.

Takes `{"authorize": address, "user": e-mail}`, `{"stats": true}` and `{"drop": true}`; answers each with one.
"""

from __future__ import annotations

import ipaddress
import json
import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from stateful_oauth.emulator import EmulatorServer, Tenant

USERS = 20
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the benchmark's provider")])


def certificate(folder: Path) -> ssl.SSLContext:
    """Write a certificate of our own below the usual roots, because reading those is what costs."""
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(_NAME)
        .issuer_name(_NAME)
        .public_key(_KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(_KEY, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    private = _KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "bundle.pem").write_bytes(Path(certifi.where()).read_bytes() + public)
    (folder / "server.pem").write_bytes(private + public)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def main() -> None:
    """Serve until the input ends."""
    scheme, folder = sys.argv[1], Path(sys.argv[2])
    context = certificate(folder) if scheme == "https" else None
    tenant = Tenant(issuer="https://tenant.example/")
    tenant.add_client(
        client_id="web", client_secret="a-secret-of-the-benchmark-0123456789",
        callbacks=["http://testserver/auth/callback/"],
    )  # fmt: skip
    for number in range(USERS):
        tenant.add_user(email=f"user{number}@example.com", name=f"User {number}")
    with EmulatorServer(tenant, ssl_context=context) as server:
        print(json.dumps({"issuer": tenant.issuer}), flush=True)
        for line in sys.stdin:
            order = json.loads(line)
            answer: dict[str, object] = {}
            if "authorize" in order:
                answer["location"] = str(tenant.visitor().authorize(order["authorize"], order["user"]))
            elif "stats" in order:
                answer = {"calls": dict(tenant.requests), "connections": server.connections}
            elif "drop" in order:
                server._server.drop_connections()
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
