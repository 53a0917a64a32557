"""Our own short tokens for those who signed in with a wallet: ES256, judged by the same verifier as every issuer's."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from api.issuers import Issuer, Key
from api.roles import Role
from community.errors import FatalError

LIFETIME = timedelta(hours=1)
AUDIENCE = "energy-community"
PARTY = "wallet"
_WALLET_LENGTH = 42


@dataclass(frozen=True, slots=True)
class Sessions:
    """The key that signs sessions, and the issuer that they name: the address of the web application."""

    issuer: Issuer
    key: ECKey

    @classmethod
    def at(cls, site: str, key_file: Path) -> "Sessions":
        """Sessions of the web application at `site`, signed by the P-256 key in a PEM file. Raises FatalError."""
        try:
            key = ECKey.import_key(key_file.read_text(encoding="ascii"))
            if key.curve_name != "P-256" or not key.is_private:
                raise ValueError("it is no private key on the curve P-256")
        except (OSError, UnicodeDecodeError, ValueError, JoseError) as error:
            raise FatalError(
                f"{key_file} is no key for sessions: {error}. Make one: "
                "openssl ecparam -name prime256v1 -genkey -noout -out session.pem"
            ) from error
        try:
            issuer = Issuer(site.rstrip("/"), AUDIENCE, (PARTY,), ("ES256",))
        except ValueError as error:
            raise FatalError(f"API_SITE_URL cannot be used: {error}.") from error
        return cls(issuer, key)

    async def find(self, kid: str, now: datetime) -> Key | None:  # noqa: ARG002  as other issuers' keys are found
        """The key, if it is this one."""
        return self.key if kid == self.key.thumbprint() else None

    def token_for(self, address: str, now: datetime) -> tuple[str, datetime]:
        """A token for the member who holds this wallet, and when it ends. Raises ValueError for what is no address."""
        if len(address) != _WALLET_LENGTH or not address.startswith("0x"):
            raise ValueError("a session is a wallet's")
        issued_at = now.replace(microsecond=0)
        expires_at = issued_at + LIFETIME
        claims = {
            "iss": self.issuer.url,
            "sub": address,
            "aud": AUDIENCE,
            "azp": PARTY,
            "typ": "Bearer",
            "iat": int(issued_at.timestamp()),
            "exp": int(expires_at.timestamp()),
            "realm_access": {"roles": [Role.MEMBER.value]},
        }
        header = {"alg": "ES256", "typ": "at+jwt", "kid": self.key.thumbprint()}
        return jwt.encode(header, claims, self.key, algorithms=["ES256"]), expires_at

    def wallet_of(self, login: str) -> str | None:
        """The address of a login that is a session of ours; None for any other."""
        issuer, _, subject = login.partition("#")
        return subject if issuer == self.issuer.url else None
