"""Who belongs to the community on this machine: names, shares, meters, gateways. Only facts, no behaviour."""

from dataclasses import dataclass

from community.identity.identities import EnergyConsumptionUnit, Member

SHARE_TOTAL = 1000
NAMEPLATE_W = 30_000
OPENING_WH = 8_000_000
FLAT_OPENING_WH = 4_500_000
FLAT_POWER_W = 14_000
PLANT_ID = "src_sonnendach"
PLANT_NAME = "Sonnendach Süd"
PLANT_POINT = "mp_sonnendach"


@dataclass(frozen=True, slots=True)
class Holder:
    """A member and his shares of the plant."""

    member: Member
    shares: int


HOLDERS = (
    Holder(Member("mem_anna", "Anna Auer", "usr_anna"), 300),
    Holder(Member("mem_bernd", "Bernd Berger", "usr_bernd"), 200),
    Holder(Member("mem_clara", "Clara Czerny", "usr_clara"), 150),
    Holder(Member("mem_david", "David Draxler", "usr_david"), 100),
    Holder(Member("mem_treasury", "Treasury of the community", is_treasury=True), 250),
)


@dataclass(frozen=True, slots=True)
class Site:
    """One metering point with its meter and the trusted gateway that reads it."""

    key: str
    device_id: str
    device_name: str
    eui: str
    payload_format: str
    profile: int | None
    point_id: str
    point_code: str
    point_name: str
    direction: str
    settled_obis: str
    meter_serial: str
    meter_maker: str
    meter_model: str
    registers: tuple[str, ...]
    max_power_w: int


PLANT = Site(
    key="plant", device_id="dev_plant", device_name="Gateway at the plant", eui="70b3d57ed0060101",
    payload_format="ecw1", profile=2, point_id=PLANT_POINT, point_code="AT0010000000000000001000000000001",
    point_name="Sonnendach Süd, feed-in", direction="production", settled_obis="1-0:2.8.0",
    meter_serial="JAN-60400042", meter_maker="Janitza", meter_model="UMG 604 Pro",
    registers=("1-0:1.8.0", "1-0:2.8.0"), max_power_w=NAMEPLATE_W,
)  # fmt: skip
FLAT_ONE = Site(
    key="flat-1", device_id="dev_flat1", device_name="Gateway in flat 1", eui="70b3d57ed0060102",
    payload_format="ecw1", profile=1, point_id="mp_flat1", point_code="AT0010000000000000001000000000002",
    point_name="Top 1", direction="consumption", settled_obis="1-0:1.8.0",
    meter_serial="ISK-AM550-71", meter_maker="Iskra", meter_model="AM550",
    registers=("1-0:1.8.0",), max_power_w=FLAT_POWER_W,
)  # fmt: skip
FLAT_TWO = Site(
    key="flat-2", device_id="dev_flat2", device_name="Gateway in flat 2", eui="70b3d57ed0060103",
    payload_format="legacy", profile=None, point_id="mp_flat2", point_code="AT0010000000000000001000000000003",
    point_name="Top 2", direction="consumption", settled_obis="1-0:1.8.0",
    meter_serial="LGZ-E450-72", meter_maker="Landis+Gyr", meter_model="E450",
    registers=("1-0:1.8.0",), max_power_w=FLAT_POWER_W,
)  # fmt: skip
SITES = (PLANT, FLAT_ONE, FLAT_TWO)

UNITS = (
    EnergyConsumptionUnit("ecu_flat1", "Top 1", "mem_anna", FLAT_ONE.point_id),
    EnergyConsumptionUnit("ecu_flat2", "Top 2", "mem_bernd", FLAT_TWO.point_id),
)
