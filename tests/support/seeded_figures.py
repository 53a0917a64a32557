"""What a seeded community consists of, and what its meters show: constants and functions that tests compute with."""

import hashlib
from datetime import datetime
from typing import Any

from sqlmodel import SQLModel

from community.store.unit_of_work import Work
from community.store.upserts import insert_all
from community.units import BASE_UNITS_PER_WH

Rows = dict[type[SQLModel], list[dict[str, Any]]]

CHAIN_ID = 31337
TOKEN = "0x" + "e7" * 20
ISSUER = "0x" + "15" * 20
SOURCE_REF = "0x" + "5c" * 32
SHARES = {"mem_anna": 300, "mem_bernd": 200, "mem_clara": 150, "mem_david": 100, "mem_treasury": 250}
NAMES = {
    "mem_anna": "Anna Berger",
    "mem_bernd": "Bernd Huber",
    "mem_clara": "Clara Novak",
    "mem_david": "David Winkler",
    "mem_treasury": "Treasury",
}
SOURCE, PV_POINT = "src_sued", "mp_pv"
FLATS = {"mp_top1": ("ecu_top1", "Top 1", "mem_anna"), "mp_top2": ("ecu_top2", "Top 2", "mem_bernd")}
DEVICES = {"mp_pv": "dev_pv", "mp_top1": "dev_top1", "mp_top2": "dev_top2"}
OPENING_WH = 1_234_000
OUT_OF_RANGE_EUI = "70b3d57ed0001fff"


def address_of(name: str) -> str:
    """A made-up EVM address that is the same every time."""
    return "0x" + hashlib.sha256(name.encode()).hexdigest()[:40]


def hash_of(*parts: object) -> str:
    """A made-up 32-byte hash."""
    return "0x" + hashlib.sha256(repr(parts).encode()).hexdigest()


def production_wh(at: datetime) -> int:
    """What 30 kWp give in the quarter-hour from `at`: a bell around noon with passing clouds."""
    hour = at.hour + at.minute / 60
    if not 6 <= hour < 19:
        return 0
    bell = 1 - ((hour - 12.5) / 6.5) ** 2
    cloud = 0.55 + 0.45 * (int(hashlib.sha256(at.isoformat().encode()).hexdigest()[:4], 16) / 65535)
    return int(5200 * bell * cloud)


def consumption_wh(point: str, at: datetime) -> int:
    """What a flat draws: little at night, breakfast and supper above."""
    noise = int(hashlib.sha256(f"{point}{at.isoformat()}".encode()).hexdigest()[:4], 16) % 60
    meal = 160 if at.hour in (7, 8, 18, 19, 20) else 0
    return 45 + noise + meal


def apportioned(energy_wh: int) -> dict[str, int]:
    """Base units by holder, as the contract splits them."""
    whole = energy_wh * BASE_UNITS_PER_WH
    total = sum(SHARES.values())
    parts = {holder: whole * count // total for holder, count in SHARES.items()}
    last = list(SHARES)[-1]
    parts[last] += whole - sum(parts.values())
    return parts


async def write(work: Work, row: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    """Insert rows in pieces that both databases take."""
    for start in range(0, len(rows), 200):
        await insert_all(work, row, rows[start : start + 200])
