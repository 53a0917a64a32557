"""Four questions as each server's schema has them, and what is the same in both answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MEMBER = 7
DEVICES, PAGE, ROWS = 100, 500, 20
Facts = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One server's operation with its variables, and the facts in its answer's `data`, in an order of their own."""

    text: str
    variables: Mapping[str, Any]
    facts: Callable[[Any], Facts]


@dataclass(frozen=True, slots=True)
class Question:
    """A question to both. `gate` is how many times less CPU time ours takes at least; `role` is that of our API key."""

    name: str
    role: str
    gate: float
    ours: Asked
    theirs: Asked


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _reading(row: Mapping[str, Any]) -> tuple[datetime, int]:
    return _instant(row["at"]), int(row["registerWh"])


def _device_of_ours(data: Any) -> Facts:
    one = data["identity"]
    (installation,) = one["installations"]
    (last,) = installation["meteringPoint"]["measurements"]["nodes"]
    return [(one["name"], one["eui"], one["state"], *_reading(last))]


def _device_of_theirs(data: Any) -> Facts:
    one = data["deviceByIdentityId"]
    return [(one["identityByIdentityId"]["name"], one["eui"], one["state"], *_reading(one["lastMeasurement"]))]


def _devices_of_ours(data: Any) -> Facts:
    facts = []
    for device in data["devices"]["nodes"]:
        (installation,) = device["installations"]
        point = installation["meteringPoint"]
        (last,) = point["measurements"]["nodes"]
        facts.append((device["name"], device["eui"], point["identity"]["member"]["name"], *_reading(last)))
    return facts


def _devices_of_theirs(data: Any) -> Facts:
    return [
        (each["identityByIdentityId"]["name"], each["eui"], each["owner"]["name"], *_reading(each["lastMeasurement"]))
        for each in data["allDevices"]["nodes"]
    ]


def _readings(rows: Any, offset: str) -> Facts:
    return [
        (*_reading(row), row["status"], row[offset], row["evidenceMode"], _instant(row["recordedAt"])) for row in rows
    ]


def _transfers(rows: Any) -> Facts:
    return [
        (int(row["blockNumber"]), int(row["logIndex"]), row["sender"].lower(), row["recipient"].lower(),
         int(row["amount"]), row["kind"])
        for row in rows
    ]  # fmt: skip


def _dashboard_of_ours(data: Any) -> Facts:
    member, balance, head = data["member"], data["balance"], data["chainHead"]
    (address,) = member["coinAddresses"]
    final = int(balance["final"])
    return [
        (member["name"], address["address"].lower(), final + int(balance["mintedNotFinal"]), final),
        *[_reading(row) for row in data["measurements"]["nodes"]],
        *_transfers(data["transfers"]["nodes"]),
        (int(head["head"]), int(head["finalised"])),
    ]


def _dashboard_of_theirs(data: Any) -> Facts:
    member = data["identityByRowId"]
    (address,) = member["coinAddressesByIdentityId"]["nodes"]
    (balance,) = data["memberBalances"]["nodes"]
    (head,) = data["allIndexCheckpoints"]["nodes"]
    return [
        (member["name"], address["address"], int(balance["amount"]), int(balance["finalAmount"])),
        *[_reading(row) for row in data["allMeasurements"]["nodes"]],
        *_transfers(data["memberTransfers"]["nodes"]),
        (int(head["headNumber"]), int(head["finalisedNumber"])),
    ]


_POINT, _REGISTER = f"mp_unit_{MEMBER}", f"reg_unit_{MEMBER}"
_OF_DEVICE = "meteringPoint { measurements(first: 1) { nodes { at registerWh } } }"
_READING = "at registerWh status {offset} evidenceMode recordedAt"
_TRANSFER = "blockNumber logIndex sender recipient amount kind"

QUESTIONS = (
    Question(
        "a device with its last measurement",
        "operator",
        0.6,
        Asked(
            "query Device($id: ID!) { identity(id: $id) { name ... on Device { eui state installations { "
            f"{_OF_DEVICE} }} }} }} }}",
            {"id": f"dev_{MEMBER}"},
            _device_of_ours,
        ),
        Asked(
            "query Device($id: String!) { deviceByIdentityId(identityId: $id) { eui state identityByIdentityId { name } "
            "lastMeasurement { at registerWh } } }",
            {"id": f"dev_{MEMBER}"},
            _device_of_theirs,
        ),
    ),
    Question(
        "100 devices with owner and last measurement",
        "operator",
        0.5,
        Asked(
            "query Devices($first: PageSize!) { devices(first: $first) { nodes { name eui installations { meteringPoint { "
            "identity { ... on EnergyConsumptionUnit { member { name } } } "
            "measurements(first: 1) { nodes { at registerWh } } } } } } }",
            {"first": DEVICES},
            _devices_of_ours,
        ),
        Asked(
            "query Devices($first: Int!) { allDevices(first: $first, orderBy: PRIMARY_KEY_ASC) { nodes { eui "
            "identityByIdentityId { name } owner { name } lastMeasurement { at registerWh } } } }",
            {"first": DEVICES},
            _devices_of_theirs,
        ),
    ),
    Question(
        "500 measurements",
        "operator",
        0.5,
        Asked(
            "query Readings($id: ID!, $first: PageSize!) { measurements(meteringPointId: $id, first: $first) { nodes { "
            f"{_READING.format(offset='readOffsetS')} }} }} }}",
            {"id": _POINT, "first": PAGE},
            lambda data: _readings(data["measurements"]["nodes"], "readOffsetS"),
        ),
        Asked(
            "query Readings($id: String!, $first: Int!) { allMeasurements(condition: {registerId: $id}, orderBy: AT_DESC, "
            f"first: $first) {{ nodes {{ {_READING.format(offset='offS')} }} }} }}",
            {"id": _REGISTER, "first": PAGE},
            lambda data: _readings(data["allMeasurements"]["nodes"], "offS"),
        ),
    ),
    Question(
        "a member's dashboard",
        "member",
        0.3,
        Asked(
            "query Dashboard($member: ID!, $point: ID!, $first: PageSize!) { "
            "member(id: $member) { name coinAddresses { address } } "
            "balance(memberId: $member) { final mintedNotFinal } "
            "measurements(meteringPointId: $point, first: $first) { nodes { at registerWh } } "
            f"transfers(first: $first) {{ nodes {{ {_TRANSFER} }} }} "
            "chainHead { head finalised } }",
            {"member": f"mem_{MEMBER}", "point": _POINT, "first": ROWS},
            _dashboard_of_ours,
        ),
        Asked(
            "query Dashboard($member: String!, $register: String!, $first: Int!) { "
            "identityByRowId(rowId: $member) { name coinAddressesByIdentityId { nodes { address } } } "
            "memberBalances(memberId: $member) { nodes { amount finalAmount } } "
            "allMeasurements(condition: {registerId: $register}, orderBy: AT_DESC, first: $first) { nodes { at registerWh } } "
            f"memberTransfers(memberId: $member, newest: $first) {{ nodes {{ {_TRANSFER} }} }} "
            "allIndexCheckpoints(first: 1) { nodes { headNumber finalisedNumber } } }",
            {"member": f"mem_{MEMBER}", "register": _REGISTER, "first": ROWS},
            _dashboard_of_theirs,
        ),
    ),
)
