"""A meter on a wired M-Bus, read by its profile."""

from gateway_agent.meters.mbus_line import MbusLink
from gateway_agent.meters.mbus_master import RETRIES, MbusMaster, Presence, timing
from gateway_agent.meters.unreachable import MeterUnreachable
from gateway_agent.profiles import MbusProfile
from gateway_agent.protocols.energy import Energy, InvalidRegister
from gateway_agent.protocols.mbus_address import SecondaryAddress
from gateway_agent.protocols.mbus_choice import NoRegister, choose_energy
from gateway_agent.protocols.mbus_link import SELECTED
from gateway_agent.protocols.mbus_telegram import MbusTelegram
from gateway_agent.reading import MeterSample, RawRegister


class MbusMeter:
    """One meter on a bus. Several may share one link."""

    def __init__(
        self, profile: MbusProfile, link: MbusLink, address: int | SecondaryAddress, retries: int = RETRIES
    ) -> None:
        self._profile = profile
        self._link = link
        self._address = address
        self._retries = retries

    async def read(self) -> MeterSample:
        """One readout. Raises MeterUnreachable, or LineLost if the bus cannot be opened.

        The meter's own time is not taken: M-Bus gives it without zone and mostly in whole minutes.
        """
        telegrams = await read_telegrams(self._link, self._address, self._retries)
        return sample_of(self._profile, telegrams)

    def close(self) -> None:
        """Hang up."""
        self._link.close()


async def read_telegrams(
    link: MbusLink, address: int | SecondaryAddress, retries: int = RETRIES
) -> tuple[MbusTelegram, ...]:
    """All telegrams of one readout of the meter at `address`. Raises MeterUnreachable or LineLost."""
    async with link.opened() as line:
        master = MbusMaster(line, timing(link.baud, link.slack_s), retries)
        if isinstance(address, int):
            # A meter that missed the reset would repeat the last telegram of the last reading.
            if await master.reset(address, tries=retries) is Presence.NONE:
                raise MeterUnreachable(f"M-Bus address {address} on {link.where} does not answer ({retries} attempts)")
            return await master.read_all(address)
        await master.reset(SELECTED)
        selected = await master.select(address)
        if selected is Presence.NONE:
            raise MeterUnreachable(f"No meter on {link.where} has the secondary address {address}")
        if selected is Presence.SEVERAL:
            raise MeterUnreachable(f"Several meters on {link.where} fit {address}: name more of it")
        telegrams = await master.read_all(SELECTED)
        await master.reset(SELECTED)  # a meter that stays selected would answer the next search too
        found = telegrams[0].address
        if found is not None and not address.matches(found):
            raise MeterUnreachable(f"The meter {found} answers on {link.where} instead of {address}")
        return telegrams


def sample_of(profile: MbusProfile, telegrams: tuple[MbusTelegram, ...]) -> MeterSample:
    """The registers of `profile` in one readout. Raises MeterUnreachable with the reason if they are not there."""
    first = telegrams[0]
    if any(telegram.is_busy for telegram in telegrams):
        raise MeterUnreachable(f"The meter {first.identification} is busy: it has no values at present")
    if profile.manufacturers and first.manufacturer not in profile.manufacturers:
        raise MeterUnreachable(
            f"The meter {first.identification} is made by {first.manufacturer or 'nobody it names'}; profile"
            f" {profile.name} reads {', '.join(profile.manufacturers)}"
        )
    records = [record for telegram in telegrams for record in telegram.records]
    chosen: dict[str, Energy] = {}
    for obis, rule in profile.values.items():
        if rule.media and first.medium not in rule.media:
            continue
        try:
            chosen[obis] = choose_energy(records, rule)
        except (NoRegister, InvalidRegister) as error:
            if not rule.optional or isinstance(error, InvalidRegister):
                raise MeterUnreachable(f"The meter {first.identification}, {obis}: {error}") from error
    if not chosen:
        raise MeterUnreachable(
            f"The meter {first.identification} measures {first.medium}, which profile {profile.name} does not read"
        )
    return MeterSample(
        {obis: energy.wh for obis, energy in chosen.items()},
        f"{first.manufacturer}{first.identification}",
        None,
        max(energy.resolution_wh for energy in chosen.values()),
        any(telegram.has_error for telegram in telegrams),
        raw={obis: RawRegister(*energy.as_sent(), "Wh") for obis, energy in chosen.items()},
    )
