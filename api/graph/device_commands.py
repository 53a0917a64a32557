"""Bringing devices into service and taking them out of it."""

from datetime import datetime
from typing import Annotated

import strawberry

from api.graph.carrying_out import NOT_FOUND, CommandInput, Problem, carry_out, carry_out_told, checked_text
from api.graph.identities import Device, EnergySource, identity_of
from api.graph.projection import Info, given_id
from api.scalars import Hex
from community.store import decisions, key_rotation, onboarding, revocations
from community.store.decisions import Decided, NotFound
from community.store.onboarding import Declaration, Told
from community.store.unit_of_work import Work
from community.store.views import identities

ROTATION_BYTES_MAX = 4096


@strawberry.type
class DeviceDecided:
    """The device as it is now. `device.restsOn` says what rests on keys that are no longer believed."""

    device: Device


@strawberry.type
class SourceDecided:
    """The energy source as it is now."""

    source: EnergySource


DeviceResult = Annotated[DeviceDecided | Problem, strawberry.union("DeviceResult")]
SourceResult = Annotated[SourceDecided | Problem, strawberry.union("SourceResult")]


async def device_result(info: Info, device_id: str) -> DeviceDecided | Problem:
    """The device after a command."""
    async with info.context.reading() as work:
        found = (await identities.by_ids(work, info.context.scope, [device_id])).get(device_id)
    device = None if found is None else identity_of(found)
    return DeviceDecided(device=device) if isinstance(device, Device) else NOT_FOUND


def octets(name: str, text: Hex, length_max: int) -> bytes:
    """Bytes given in hex. Raises ValueError."""
    try:
        plain = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise ValueError(f"{name} is no hex") from None
    if not 0 < len(plain) <= length_max:
        raise ValueError(f"{name} has 1 to {length_max} bytes")
    return plain


@strawberry.type
class DeviceCommands:
    """Commands about devices and sources."""

    @strawberry.mutation
    async def approve_device(self, info: Info, device_id: strawberry.ID, command: CommandInput) -> DeviceResult:
        """Let a pending device measure."""
        subject, now = given_id(device_id), info.context.clock.now()
        problem = await carry_out(
            info, "approve_device", subject, command, lambda work: decisions.approve_device(work, subject, now)
        )
        return problem or await device_result(info, subject)

    @strawberry.mutation
    async def bind_device_key(
        self,
        info: Info,
        device_id: strawberry.ID,
        public_key: Hex,
        command: CommandInput,
        is_development_key: bool = False,
    ) -> DeviceResult:
        """Bind a device's first key: a P-256 point, 65 bytes uncompressed (SEC 1). Only its own proof is better."""
        subject, now = given_id(device_id), info.context.clock.now()

        async def decide(work: Work, told: Told) -> decisions.Outcome:
            key = octets("publicKey", public_key, 65)
            return await onboarding.bind_key(work, subject, key, told, now, development_key=is_development_key)

        problem = await carry_out_told(info, "bind_key", subject, command, decide)
        return problem or await device_result(info, subject)

    @strawberry.mutation
    async def confirm_serial(
        self, info: Info, device_id: strawberry.ID, serial: str, command: CommandInput
    ) -> DeviceResult:
        """Say what serial number stands on the meter on site. If it is the one on file, the device measures from now on."""
        subject, now, read_off = given_id(device_id), info.context.clock.now(), checked_text("serial", serial)
        problem = await carry_out_told(
            info,
            "confirm_serial",
            subject,
            command,
            lambda work, told: onboarding.confirm_serial(work, subject, read_off, told, now),
        )
        return problem or await device_result(info, subject)

    @strawberry.mutation
    async def approve_for_issuance(
        self, info: Info, device_id: strawberry.ID, command: CommandInput, waiver: str | None = None
    ) -> DeviceResult:
        """Let what a device measures be minted. `waiver` is the reason for doing without the plausible week."""
        subject, now = given_id(device_id), info.context.clock.now()
        without = None if waiver is None else checked_text("waiver", waiver)
        problem = await carry_out_told(
            info,
            "approve_for_issuance",
            subject,
            command,
            lambda work, told: onboarding.approve_for_issuance(work, subject, told, now, waiver=without),
        )
        return problem or await device_result(info, subject)

    @strawberry.mutation
    async def rotate_device_key(
        self,
        info: Info,
        device_id: strawberry.ID,
        rotation: Hex,
        command: CommandInput,
        is_development_key: bool = False,
    ) -> DeviceResult:
        """Enter a change of keys as `key rotate` on the gateway made it: signed by the old key and by the new one."""
        subject, now = given_id(device_id), info.context.clock.now()

        async def decide(work: Work, told: Told) -> decisions.Outcome:
            content = octets("rotation", rotation, ROTATION_BYTES_MAX)
            return await key_rotation.rotate_key(work, subject, content, told, now, development_key=is_development_key)

        problem = await carry_out_told(info, "rotate_key", subject, command, decide)
        return problem or await device_result(info, subject)

    @strawberry.mutation
    async def revoke_device(
        self,
        info: Info,
        device_id: strawberry.ID,
        command: CommandInput,
        since: datetime | None = None,
        key_number: int | None = None,
    ) -> DeviceResult:
        """End a device and its keys, or one key, for good.

        With `since`, an instant in the past, nothing is believed that was signed from then on: `device.restsOn` lists what
        rests on it. Without it the keys end now and what they signed stays good.
        """
        subject, now = given_id(device_id), info.context.clock.now()
        if since is None and key_number is None:
            problem = await carry_out(
                info, "revoke_device", subject, command, lambda work: decisions.revoke_device(work, subject, now)
            )
            return problem or await device_result(info, subject)
        whose = subject if key_number is None else f"{subject} key {key_number}"
        problem = await carry_out_told(
            info,
            "revoke_device" if key_number is None else "revoke_key",
            whose,
            command,
            lambda work, told: revocations.revoke(work, subject, since or now, told, now, keyno=key_number),
        )
        return problem or await device_result(info, subject)

    @strawberry.mutation
    async def declare_source(
        self,
        info: Info,
        source_id: strawberry.ID,
        text: str,
        signatory: str,
        declared_at: datetime,
        command: CommandInput,
    ) -> SourceResult:
        """Keep somebody's signed word that a source's energy is certified nowhere else."""
        subject, now = given_id(source_id), info.context.clock.now()
        word = Declaration(checked_text("text", text, 4000), checked_text("signatory", signatory), declared_at)

        async def decide(work: Work, told: Told) -> decisions.Outcome:
            found = (await identities.by_ids(work, info.context.scope, [subject])).get(subject)
            if not isinstance(found, identities.EnergySourceView):
                return NotFound()
            await onboarding.declare_source(work, subject, word, told, now)
            return Decided()

        problem = await carry_out_told(info, "declare_source", subject, command, decide)
        if problem is not None:
            return problem
        async with info.context.reading() as work:
            found = (await identities.by_ids(work, info.context.scope, [subject])).get(subject)
        source = None if found is None else identity_of(found)
        return SourceDecided(source=source) if isinstance(source, EnergySource) else NOT_FOUND
