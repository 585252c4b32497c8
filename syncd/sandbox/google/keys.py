"""The RSA key that signs id tokens, its public forms, and the check of assertions signed by service accounts."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def server_key() -> rsa.RSAPrivateKey:
    """One key per process: making one takes long, and nothing here is secret."""
    return new_key()


def private_pem(key: rsa.RSAPrivateKey) -> str:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode()


def key_id(key: rsa.RSAPrivateKey) -> str:
    return hashlib.sha256(f"{key.public_key().public_numbers().n:x}".encode()).hexdigest()[:40]


def sign(claims: dict[str, Any]) -> str:
    """A JWT signed RS256 with the server's key."""
    header = {"alg": "RS256", "kid": key_id(server_key()), "typ": "JWT"}
    signed = ".".join(_b64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    signature = server_key().sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_b64(signature)}"


def claims_unchecked(token: str) -> dict[str, Any] | None:
    """The claims of a JWT before anybody looked at its signature; None for garbage."""
    try:
        claims = json.loads(_unb64(token.split(".")[1]))
    except (IndexError, ValueError):
        return None
    return claims if isinstance(claims, dict) else None


def signed_by(token: str, key: rsa.RSAPublicKey) -> bool:
    signed, _, signature = token.rpartition(".")
    try:
        key.verify(_unb64(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def jwk_set() -> dict[str, Any]:
    numbers = server_key().public_key().public_numbers()
    n, e = numbers.n.to_bytes(256, "big"), numbers.e.to_bytes(3, "big")
    jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key_id(server_key()), "n": _b64(n), "e": _b64(e)}
    return {"keys": [jwk]}


@cache
def certificates() -> dict[str, str]:
    """The same key as a self-signed certificate, by key id."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox.local")])
    builder = x509.CertificateBuilder(name, name, server_key().public_key(), 1, _FROM, _UNTIL)
    certificate = builder.sign(server_key(), hashes.SHA256())
    return {key_id(server_key()): certificate.public_bytes(serialization.Encoding.PEM).decode()}
