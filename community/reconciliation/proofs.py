"""What a stored reading's own evidence says: the register count under the device's signature."""

from community.attestation import merkle
from community.attestation.profiles import UnknownProfile, registers_of
from community.attestation.statement import MalformedStatement, SignedStatement, parse_leaf_input


def signed_wh(signed: SignedStatement, obis: str, leaf: bytes, index: int, path: bytes) -> int | None:
    """The count of register `obis` in the leaf of `signed`; None if the leaf is not in it, or has no such register.

    The signature itself was verified at admission and is again by the contract; here its bytes are what counts.
    """
    statement, size = signed.statement, merkle.HASH_SIZE
    steps = [path[at : at + size] for at in range(0, len(path), size)]
    if not merkle.verify_inclusion(merkle.leaf_hash(leaf), index, statement.count, steps, statement.root):
        return None
    try:
        _, reading = parse_leaf_input(leaf)
        return dict(zip(registers_of(statement.profile), reading.registers, strict=True)).get(obis)
    except (MalformedStatement, UnknownProfile, ValueError):
        return None
