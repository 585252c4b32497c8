"""Secrets at rest: AES-256-GCM, each bound to its owner and name, under keys that live outside the database."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Self
from urllib.parse import quote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from syncd.core.errors import Fatal, StateCorrupt

KEY_BYTES = 32
NONCE_BYTES = 12
ID_BYTES = 8
MAGIC = b"sv1"
HEADER = len(MAGIC) + ID_BYTES + NONCE_BYTES
UNSAFE = stat.S_IRWXG | stat.S_IRWXO


class Vault:
    """Seals and opens. The first key seals; the others only open what was sealed before it came.

    A blob is the magic word, the key's id, a random nonce, and the ciphertext. What was changed or moved to another row
    does not open: `StateCorrupt`.
    """

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys = {_key_id(key): AESGCM(_checked(key)) for key in keys}
        if not self._keys:
            raise Fatal("the vault needs at least one key")
        self._current = next(iter(self._keys))

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """The keys in this file, the newest first. A missing file is made, readable by its owner alone."""
        _make_once(path)
        if path.stat().st_mode & UNSAFE:
            raise Fatal(f"the key file {path} can be read by others; run: chmod 0400 {path}")
        return cls(_parse(path.read_bytes(), str(path)))

    @classmethod
    def from_credential(cls, name: str) -> Self:
        """The keys in a credential that systemd hands to the service, which guards the file itself."""
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise Fatal(
                f"no credential {name}: $CREDENTIALS_DIRECTORY is not set; add LoadCredential={name}:… to the unit"
            )
        path = Path(directory, name)
        if not path.is_file():
            raise Fatal(f"no credential {name} in {directory}; add LoadCredential={name}:… to the unit")
        return cls(_parse(path.read_bytes(), f"credential {name}"))

    def seal(self, owner: str, name: str, value: bytes) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._keys[self._current].encrypt(nonce, value, _bound_to(owner, name, self._current))
        return MAGIC + self._current + nonce + sealed

    def open(self, owner: str, name: str, blob: bytes) -> bytes:
        """What was sealed for this owner under this name. Raises StateCorrupt."""
        key_id, nonce = blob[len(MAGIC) : len(MAGIC) + ID_BYTES], blob[len(MAGIC) + ID_BYTES : HEADER]
        if not blob.startswith(MAGIC) or len(blob) < HEADER:
            raise StateCorrupt(f"the secret {name} of {owner} is damaged; connect it again")
        key = self._keys.get(key_id)
        if key is None:
            raise StateCorrupt(
                f"the secret {name} of {owner} was sealed with key {key_id.hex()}, which the key file lacks"
            )
        try:
            return key.decrypt(nonce, blob[HEADER:], _bound_to(owner, name, key_id))
        except InvalidTag:
            raise StateCorrupt(f"the secret {name} of {owner} was changed or moved; connect it again") from None

    def current(self, blob: bytes) -> bool:
        """Whether the newest key sealed it."""
        return blob.startswith(MAGIC + self._current)


def add_key(path: Path) -> None:
    """Put a new key in front of those in the file. Old secrets still open; `SqlStore.reseal` seals them anew."""
    keys = _parse(path.read_bytes(), str(path))
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    _write_once(fresh, [secrets.token_bytes(KEY_BYTES), *keys])
    fresh.replace(path)


def _make_once(path: Path) -> None:
    if not path.exists():
        try:
            _write_once(path, [secrets.token_bytes(KEY_BYTES)])
        except FileExistsError:  # another start was quicker; its key is the key
            return
        except OSError as exc:
            raise Fatal(f"cannot make the key file {path}: {exc.strerror}") from exc


def _write_once(path: Path, keys: Iterable[bytes]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(handle, "wb") as file:
        file.write(b"".join(key.hex().encode() + b"\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())


def _parse(content: bytes, where: str) -> list[bytes]:
    """One key in hexadecimal a line; or 32 raw bytes, as `head -c 32 /dev/urandom` makes them."""
    if len(content) == KEY_BYTES:
        return [content]
    try:
        keys = [bytes.fromhex(line) for line in content.decode("ascii").split()]
    except ValueError:
        keys = []
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise Fatal(f"{where} holds no key: expected lines of {2 * KEY_BYTES} hexadecimal digits")
    return keys


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise Fatal(f"a key has {KEY_BYTES} bytes, not {len(key)}")
    return key


def _key_id(key: bytes) -> bytes:
    return blake2b(key, digest_size=ID_BYTES, person=b"syncd/keyid").digest()


def _bound_to(owner: str, name: str, key_id: bytes) -> bytes:
    """The associated data. A bar inside a name is escaped, so that no two places read the same."""
    return "|".join(("syncd/1", quote(owner, safe="@:/ "), quote(name, safe="@:/ "), key_id.hex())).encode()
