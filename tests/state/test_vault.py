"""The vault: what it refuses to read, and what does not open."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from state.vault import Vault, add_key
from syncd.core.errors import Fatal, StateCorrupt

KEY, OTHER = b"k" * 32, b"o" * 32


def test_the_key_file_is_made_once(tmp_path: Path) -> None:
    """Readable by its owner alone; the second start reads the same key."""
    path = tmp_path / "key"
    blob = Vault.from_file(path).seal("ann", "token", b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert Vault.from_file(path).open("ann", "token", blob) == b"x"


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o640])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The message names the file and the command that mends it."""
    path = tmp_path / "key"
    Vault.from_file(path)
    path.chmod(mode)
    with pytest.raises(Fatal, match=f"chmod 0400 {path}"):
        Vault.from_file(path)


def test_equal_secrets_look_different(tmp_path: Path) -> None:
    """Each has a nonce of its own."""
    vault = Vault([KEY])
    assert vault.seal("a", "n", b"x") != vault.seal("a", "n", b"x")


@pytest.mark.parametrize(("owner", "name"), [("bob", "token"), ("ann", "other"), ("ann|token", "")])
def test_a_moved_secret_does_not_open(owner: str, name: str) -> None:
    """Owner and name are part of what is sealed, and no two places read the same."""
    blob = Vault([KEY]).seal("ann", "token", b"x")
    with pytest.raises(StateCorrupt):
        Vault([KEY]).open(owner, name, blob)


def test_a_bar_in_a_name_is_no_border() -> None:
    """`a|b` and `c` are another place than `a` and `b|c`."""
    blob = Vault([KEY]).seal("a|b", "c", b"x")
    with pytest.raises(StateCorrupt):
        Vault([KEY]).open("a", "b|c", blob)


@pytest.mark.parametrize("at", [0, 5, 15, -1])
def test_a_changed_secret_does_not_open(at: int) -> None:
    """In the magic word, the key id, the nonce or the text."""
    blob = bytearray(Vault([KEY]).seal("ann", "token", b"x"))
    blob[at] ^= 1
    with pytest.raises(StateCorrupt):
        Vault([KEY]).open("ann", "token", bytes(blob))


@pytest.mark.parametrize("blob", [b"", b"sv1", b"short"])
def test_a_cut_secret_does_not_open(blob: bytes) -> None:
    """Damage is told as damage."""
    with pytest.raises(StateCorrupt):
        Vault([KEY]).open("ann", "token", blob)


def test_older_keys_still_open(tmp_path: Path) -> None:
    """The newest seals; a key that is missing is named."""
    old = Vault([OTHER]).seal("ann", "token", b"x")
    both = Vault([KEY, OTHER])
    assert both.open("ann", "token", old) == b"x"
    assert not both.current(old)
    assert both.current(both.seal("ann", "token", b"y"))
    with pytest.raises(StateCorrupt, match="key file"):
        Vault([KEY]).open("ann", "token", old)


def test_a_key_can_be_added(tmp_path: Path) -> None:
    """The file stays private, and what was sealed still opens."""
    path = tmp_path / "key"
    blob = Vault.from_file(path).seal("a", "n", b"x")
    add_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert len(path.read_text().split()) == 2
    assert Vault.from_file(path).open("a", "n", blob) == b"x"


def test_a_credential_is_read_from_systemd_s_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raw bytes or hexadecimal; systemd guards the mode."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "raw").write_bytes(KEY)
    (tmp_path / "hex").write_text(KEY.hex())
    blob = Vault.from_credential("raw").seal("a", "n", b"x")
    assert Vault.from_credential("hex").open("a", "n", blob) == b"x"
    with pytest.raises(Fatal, match="LoadCredential=none"):
        Vault.from_credential("none")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(Fatal, match="CREDENTIALS_DIRECTORY"):
        Vault.from_credential("raw")


@pytest.mark.parametrize("content", ["", "zz", "ab" * 31])
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: str) -> None:
    """A broken key file must not look like a new one."""
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(0o400)
    with pytest.raises(Fatal, match="hexadecimal"):
        Vault.from_file(path)
