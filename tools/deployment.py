"""Makes the secrets and folders that docker-compose.yml expects; what exists is kept. ``python -m tools.deployment``.

Everything lies below ``deploy/secrets`` (a folder that only its owner may enter) and ``deploy/state``. The broker gets a
certificate of an authority of its own, which also signs the devices' certificates.
"""

import argparse
import base64
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).resolve().parents[1]
BROKER_USERS = ("ingest", "settlement", "signer")
STATE_FOLDERS = ("mosquitto", "rabbitmq", "signer", "gateway-agent", "anvil")
LOCAL_NODE = "http://anvil:8545"
AUTHORITY_DAYS, CERTIFICATE_DAYS = 3650, 365
RABBITMQ_RIGHTS = {
    "ingest": (
        r"^mqtt-subscription-ingest(-[0-9]+|-prov|-status)?qos[01]$",
        r"^ec\.v1\.[0-9a-f]{16}\.(prov\.)?down$",
        r"^ec\.v1\.[^.]*\.(up|status|prov)$",
    ),
    "settlement": (
        "^mqtt-subscription-requester-settlementqos[01]$",
        r"^sign\.v1\.signer\.request$",
        r"^sign\.v1\.settlement\.reply$",
    ),
    "signer": (
        "^mqtt-subscription-signer-signerqos[01]$",
        r"^sign\.v1\.settlement\.reply$",
        r"^sign\.v1\.signer\.request$",
    ),
}
"""Of each user: the queue that is its session, the topics it may write, the topics it may read."""
# Mosquitto's own default; the passwords are random, so stretching adds nothing.
_ITERATIONS = 101


def keep_or_make(path: Path, content: Callable[[], bytes], mode: int = 0o600) -> bytes:
    """What the file holds; made first where it does not exist. It is never readable for others in between."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content())
        path.chmod(mode)
    return path.read_bytes()


def mosquitto_line(user: str, password: str) -> str:
    """A line of Mosquitto's password file: PBKDF2 with SHA-512, format 7."""
    salt = secrets.token_bytes(12)
    stretched = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"{user}:$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(stretched).decode()}\n"


def issuers_text(host: str) -> str:
    """The realm of deploy/keycloak at `host`, as API_ISSUERS_FILE takes it."""
    return (
        f'[[issuer]]\nurl = "https://{host}/auth/realms/energy"\naudience = "energy-community"\n'
        'authorized_parties = ["web", "app"]\nalgorithms = ["RS256"]\n'
        # the page signs people in with this client; `profile` gives it their names
        'web_client = "web"\nweb_scope = "openid profile"\n'
    )


def definitions(passwords: Mapping[str, str]) -> str:
    """RabbitMQ's definitions of the backend's users, with exactly the rights of deploy/mosquitto/access.acl.

    Devices are let in one by one with deploy/rabbitmq/allow, which knows the same rights.
    """
    return json.dumps(
        {
            "users": [
                {
                    "name": user,
                    "password_hash": rabbitmq_hash(password),
                    "hashing_algorithm": "rabbit_password_hashing_sha256",
                    "tags": [],
                }
                for user, password in passwords.items()
            ],
            "vhosts": [{"name": "/"}],
            "permissions": [
                {
                    "user": user,
                    "vhost": "/",
                    "configure": own,
                    "write": f"({own}|^amq\\.topic$)",
                    "read": f"({own}|^amq\\.topic$)",
                }
                for user, (own, _, _) in RABBITMQ_RIGHTS.items()
            ],
            "topic_permissions": [
                {"user": user, "vhost": "/", "exchange": "amq.topic", "write": write, "read": read}
                for user, (_, write, read) in RABBITMQ_RIGHTS.items()
            ],
        },
        indent=1,
    )


def rabbitmq_hash(password: str) -> str:
    """As RabbitMQ keeps it: four bytes of salt, then SHA-256 over salt and password."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _pem(key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _ec_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not an elliptic curve key")
    return key


def authority_certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    """The authority's own certificate, as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "energy community device authority")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGNS_CERTIFICATES, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def certificate(
    common_name: str,
    hosts: tuple[str, ...],
    key: ec.EllipticCurvePrivateKey,
    authority: tuple[bytes, bytes],
    now: datetime,
) -> bytes:
    """A certificate signed by the authority (key PEM, certificate PEM), for a broker with host names or for a device."""
    authority_key, issuer = _ec_key(authority[0]), x509.load_pem_x509_certificate(authority[1])
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # Python 3.13 checks chains strictly (RFC 5280, 4.2.1.1): the issuer's key must be named.
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(_ec_key(authority[0]).public_key()), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(authority_key, hashes.SHA256()).public_bytes(Encoding.PEM)


def revocation_list(
    key: ec.EllipticCurvePrivateKey, authority: bytes, revoked: Iterable[x509.RevokedCertificate], now: datetime
) -> bytes:
    """The authority's list of certificates that are no longer good, as PEM (RFC 5280 section 5).

    It is good for as long as the authority is: a broker lets nobody in once its list has run out.
    """
    issuer = x509.load_pem_x509_certificate(authority)
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject).last_update(now)
    builder = builder.next_update(max(issuer.not_valid_after_utc, now + timedelta(days=1)))
    for each in revoked:
        builder = builder.add_revoked_certificate(each)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def make_everything(root: Path, host: str, now: datetime) -> None:
    """Secrets, certificates and folders below ``root``; safe to repeat."""
    folder, broker = root / "deploy" / "secrets", root / "deploy" / "secrets" / "broker"
    for each in (folder, broker, *(root / "deploy" / "state" / name for name in STATE_FOLDERS)):
        each.mkdir(parents=True, exist_ok=True, mode=0o700)

    def token() -> bytes:
        return secrets.token_urlsafe(24).encode()

    # Images that run as users of their own read these: the folder guards them
    password = keep_or_make(folder / "database_password", token, 0o644).decode()
    for name in ("keycloak_database_password", "keycloak_admin_password", "grafana_password"):
        keep_or_make(folder / name, token, 0o644)
    keep_or_make(folder / "node_url", LOCAL_NODE.encode)
    keep_or_make(folder / "issuers.toml", lambda: issuers_text(host).encode())
    keep_or_make(folder / "database_passfile", f"postgres:*:*:community:{password}\n".encode)
    keep_or_make(folder / "column_key", lambda: secrets.token_hex(32).encode())
    for server in ("tts", "chirpstack"):
        keep_or_make(folder / f"webhook_secret_{server}", token)
    keep_or_make(folder / "signer_passphrase", token)
    keep_or_make(folder / "requester_key", lambda: _pem(Ed25519PrivateKey.generate()))
    passwords = {user: keep_or_make(folder / f"broker_password_{user}", token).decode() for user in BROKER_USERS}
    keep_or_make(broker / "passwords", lambda: "".join(mosquitto_line(*each) for each in passwords.items()).encode())
    keep_or_make(broker / "definitions.json", lambda: definitions(passwords).encode())

    def new_key() -> bytes:
        return _pem(ec.generate_private_key(ec.SECP256R1()))

    keep_or_make(folder / "session_key", new_key)
    authority_key = keep_or_make(folder / "ca.key", new_key)
    authority = keep_or_make(broker / "ca.pem", lambda: authority_certificate(_ec_key(authority_key), now))
    keep_or_make(broker / "revoked.pem", lambda: revocation_list(_ec_key(authority_key), authority, [], now))
    broker_key = _ec_key(keep_or_make(broker / "broker.key", new_key))
    hosts = ("broker", host)
    keep_or_make(
        broker / "broker.pem", lambda: certificate("broker", hosts, broker_key, (authority_key, authority), now)
    )
    # For trying out, and inside a network with its own authority; the public gets one of a public authority.
    web_key = _ec_key(keep_or_make(folder / "web_key", new_key))
    keep_or_make(
        folder / "web_certificate", lambda: certificate(host, (host,), web_key, (authority_key, authority), now)
    )


def make_device(root: Path, eui: str, now: datetime) -> Path:
    """Certificate and key with which the device ``eui`` enters the broker; returns their folder."""
    folder = root / "deploy" / "secrets" / "devices" / eui
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    secrets_folder = root / "deploy" / "secrets"
    authority = ((secrets_folder / "ca.key").read_bytes(), (secrets_folder / "broker" / "ca.pem").read_bytes())
    pem = keep_or_make(folder / "device.key", lambda: _pem(ec.generate_private_key(ec.SECP256R1())))
    keep_or_make(folder / "device.pem", lambda: certificate(eui, (), _ec_key(pem), authority, now))
    return folder


def revoke_device(root: Path, eui: str, now: datetime) -> int:
    """Put the device's certificate on the revocation list; returns its serial number. Raises FileNotFoundError if it has none.

    Its files are kept under that number, so that the device can get another certificate.
    """
    folder, secrets_folder = root / "deploy" / "secrets" / "devices" / eui, root / "deploy" / "secrets"
    serial = x509.load_pem_x509_certificate((folder / "device.pem").read_bytes()).serial_number
    listed = secrets_folder / "broker" / "revoked.pem"
    entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
    revoked = [each for each in x509.load_pem_x509_crl(listed.read_bytes()) if each.serial_number != serial]
    authority_key = _ec_key((secrets_folder / "ca.key").read_bytes())
    authority = (secrets_folder / "broker" / "ca.pem").read_bytes()
    partial = listed.with_suffix(".partial")
    partial.write_bytes(revocation_list(authority_key, authority, [*revoked, entry], now))
    partial.chmod(0o600)
    partial.replace(listed)
    for name in ("device.pem", "device.key"):
        (folder / name).rename(folder / f"{name}.revoked-{serial:x}")
    return serial


def parser() -> argparse.ArgumentParser:
    """Everything that can be asked."""
    root = argparse.ArgumentParser(prog="python -m tools.deployment", description=__doc__)
    root.add_argument("--host", default="localhost", help="name under which people and devices reach this host")
    root.add_argument("--device", metavar="EUI", help="also make the certificate of this device")
    root.add_argument(
        "--revoke", metavar="EUI", help="put the certificate of this device on the broker's revocation list"
    )
    return root


def _revoke(eui: str, now: datetime) -> int:
    try:
        serial = revoke_device(ROOT, eui, now)
    except FileNotFoundError:
        print(f"There is no certificate of device {eui} below deploy/secrets/devices.", file=sys.stderr)
        return 1
    print(f"Certificate {serial:x} of device {eui} is on the list.")
    print("Next: `docker compose restart broker`, which ends its connection too and keeps all sessions")
    print("(RabbitMQ has no such list: `deploy/rabbitmq/allow nobody EUI`).")
    return 0


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    now = datetime.now(UTC)
    make_everything(ROOT, options.host, now)
    if options.revoke:
        return _revoke(options.revoke.lower(), now)
    print("deploy/secrets and deploy/state are complete.")
    if options.device:
        print(f"The device's certificate and key: {make_device(ROOT, options.device.lower(), now)}")
    print("Next: copy .env.example to .env and fill it in; then docker compose up -d (deploy/README.md)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
