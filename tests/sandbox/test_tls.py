"""The certificate authority and the signing key, which survive a restart."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox import tls


def test_a_lost_authority_key_makes_a_new_authority(tmp_path: Path) -> None:
    first = tls.authority(tmp_path).cert_pem.bytes()
    (tmp_path / "ca-key.pem").unlink()
    assert tls.authority(tmp_path).cert_pem.bytes() != first


def test_the_authority_is_kept(tmp_path: Path) -> None:
    first = tls.authority(tmp_path).cert_pem.bytes()
    assert tls.authority(tmp_path).cert_pem.bytes() == first


def test_a_signing_key_of_another_kind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "signing-key.pem"
    other = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        other.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    made = tls.signing_key(path)
    assert tls.signing_key(path).private_numbers() == made.private_numbers()
