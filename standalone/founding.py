"""Founding the community on this machine: keys, contracts, identities with addresses, shares, the signer's registry.

Runs once, in an empty folder. Its last step writes `facts.json`; a set-up that was interrupted before is begun anew.
"""

import asyncio
import json
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from eth_utils.crypto import keccak

from community.attestation.profiles import registers_of
from community.attestation.signatures import kid_of
from community.clients.evm import EvmNode
from community.clock import slot_at, slot_start
from community.identity.coin_addresses import AccountRole, CoinChain, HdAccount
from community.identity.derivation import address_path, derive_address
from community.identity.identities import EnergySource, Member, User
from community.identity.shares import Share, ShareTable
from community.runtime.system_clock import SystemClock
from community.store import api_keys, coin_addresses, devices, identities, persons, shares
from community.store.schema import migrate
from community.store.sealed_columns import ColumnKey
from community.store.unit_of_work import Store, Work
from contracts import abi
from settlement.requester_key import create_requester_key
from standalone.deploy import Deployment, deploy, register_source
from standalone.gateways import Gateway, install_gateway, write_secret
from standalone.households import (
    HOLDERS,
    NAMEPLATE_W,
    OPENING_WH,
    PLANT,
    PLANT_ID,
    PLANT_NAME,
    SHARE_TOTAL,
    SITES,
    UNITS,
    Site,
)
from standalone.layout import Facts, Layout
from standalone.signer_commands import create_operators, create_signer, export_accounts, pin_registry

REQUESTER = "settlement"
Say = Callable[[str], None]

_DAYS_REPLAYED = 2
_FIRST_HOUR_UTC = 5
"""The replay begins before sunrise, so that the first tokens come within seconds."""
_GWEI = 10**9


def replay_start(now: datetime) -> datetime:
    """Early in the morning, two whole days before `now` or a little more."""
    start = (now - timedelta(days=_DAYS_REPLAYED)).replace(hour=_FIRST_HOUR_UTC, minute=0, second=0, microsecond=0)
    return start if start <= now - timedelta(days=_DAYS_REPLAYED) else start - timedelta(days=1)


async def found_community(layout: Layout, node: EvmNode, say: Say) -> Facts:
    """Do everything once. Raises FatalError with what to do."""
    now = SystemClock().now()
    start = replay_start(now)
    source_ref = "0x" + keccak(text=f"energy source {PLANT_ID}").hex()
    say("keys: the master seed and the settler's account, which only the signer holds")
    passphrase = secrets.token_urlsafe(24)
    write_secret(layout.secrets / "signer.passphrase", passphrase)
    write_secret(layout.secrets / "column.key", secrets.token_hex(32))
    say("gateways: a signing key for each, in SoftHSM2 where it is installed")
    (settler, accounts), operators, gateways = await asyncio.gather(
        _create_signer(layout),
        create_operators(layout),
        asyncio.gather(*(asyncio.to_thread(install_gateway, layout, site) for site in SITES)),
    )
    say("contracts: KwhToken and EnergyIssuer, from the committed artifacts")
    deployment = await deploy(node, settler)
    say("books: members, shares, plant, flats, gateways, each with its addresses")
    await migrate(layout.database_url)
    store = Store.open(layout.database_url)
    try:
        config, keys = await _write_books(store, layout, accounts, gateways, source_ref, start)
    finally:
        await store.close()
    plant = next(gateway for gateway in gateways if gateway.site is PLANT)
    await register_source(node, deployment, _source_setup(source_ref, start, config))
    requester = create_requester_key(layout.secrets / "requester.pem")
    registry = _registry(deployment, _source(source_ref, plant, config, start), requester, operators)
    await pin_registry(layout, registry)
    facts = Facts(
        chain_id=deployment.chain_id,
        token=deployment.token,
        issuer=deployment.issuer,
        settler=settler,
        start_block=deployment.start_block,
        source_ref=source_ref,
        secure_element="a development key, marked in every record" if plant.development_key else "SoftHSM2 (PKCS#11)",
        operator_key=keys["operator"],
        auditor_key=keys["auditor"],
        member_key=keys["member"],
        replay_start=int(start.timestamp()),
    )
    facts.save(layout.facts)
    return facts


async def _create_signer(layout: Layout) -> tuple[str, list[HdAccount]]:
    settler = await create_signer(layout)
    return settler, await export_accounts(layout)


async def _write_books(
    store: Store,
    layout: Layout,
    accounts: list[HdAccount],
    gateways: list[Gateway],
    source_ref: str,
    start: datetime,
) -> tuple[abi.ShareConfig, dict[str, str]]:
    column_key = ColumnKey.load(layout.secrets / "column.key")
    now = SystemClock().now()
    async with store.begin() as work:
        for account in accounts:
            await coin_addresses.add_hd_account(work, account)
        for holder in HOLDERS:
            await _add_member(work, holder.member, start)
        for gateway in gateways:
            await _add_site(work, gateway, column_key, start)
        for unit in UNITS:
            await identities.add_consumption_unit(work, unit, start)
            await _give_addresses(work, unit.id, AccountRole.MEMBER, start)
        await identities.add_energy_source(work, _plant_source(source_ref, start), start)
        await _give_addresses(work, PLANT_ID, AccountRole.ENERGY_SOURCE, start)
        plant = next(gateway for gateway in gateways if gateway.site is PLANT)
        config = await _add_shares(work, plant, start)
        people = {role: await persons.user_named(work, f"Demo {role}", start) for role in ("operator", "auditor")}
        keys = {
            role: (await api_keys.create(work, role=role, label=f"demo {role}", identity_id=who, now=now)).text
            for role, who in (*people.items(), ("member", HOLDERS[0].member.id))
        }
    return config, keys


async def _give_addresses(work: Work, identity_id: str, role: AccountRole, now: datetime) -> str:
    """An EVM and a Bitcoin address for an identity; returns the EVM one."""

    def derive(account: HdAccount, index: int) -> tuple[str, str]:
        return derive_address(account.xpub, account.chain, index), address_path(account.path, index)

    given = [
        await coin_addresses.give_address(work, identity_id, chain, role, derive, now)
        for chain in (CoinChain.EVM, CoinChain.BITCOIN)
    ]
    return given[0].address


async def _add_member(work: Work, member: Member, now: datetime) -> None:
    if member.user_id is not None:
        await identities.add_user(work, User(member.user_id, member.name), now)
        await _give_addresses(work, member.user_id, AccountRole.MEMBER, now)
    await identities.add_member(work, member, now)
    await _give_addresses(work, member.id, AccountRole.MEMBER, now)


async def _add_site(work: Work, gateway: Gateway, column_key: ColumnKey, start: datetime) -> None:
    site: Site = gateway.site
    await devices.add_metering_point(
        work, devices.MeteringPoint(site.point_id, site.point_code, site.point_name, site.direction, site.settled_obis)
    )
    meter = devices.Meter(
        f"met_{site.key}",
        site.meter_serial,
        site.meter_maker,
        site.meter_model,
        dict.fromkeys(site.registers),
        None if site.profile is not None and site is PLANT else gateway.meter_key,
    )
    await devices.add_meter(work, meter, column_key)
    device = devices.NewDevice(
        site.device_id,
        site.device_name,
        site.eui,
        site.payload_format,
        site.profile,
        gateway.secret if site.payload_format == "ecw1" else None,
        "active",
        start,
    )
    await devices.add_device(work, device, column_key, start)
    await _give_addresses(work, site.device_id, AccountRole.DEVICE, start)
    key = devices.DeviceKey(
        f"dk_{site.key}",
        1,
        gateway.public_key,
        kid_of(gateway.public_key).hex(),
        start,
        development_key=gateway.development_key,
    )
    await devices.add_device_key(work, site.device_id, key)
    await devices.install(
        work,
        f"ins_{site.key}",
        metering_point_id=site.point_id,
        meter_id=meter.id,
        device_id=site.device_id,
        valid_from=start,
        max_power_w=site.max_power_w,
    )


def _plant_source(source_ref: str, start: datetime) -> EnergySource:
    return EnergySource(
        id=PLANT_ID,
        name=PLANT_NAME,
        source_ref=source_ref,
        technology="photovoltaic",
        nameplate_w=NAMEPLATE_W,
        share_total=SHARE_TOTAL,
        metering_point_id=PLANT.point_id,
        opening_register_wh=OPENING_WH,
        opening_at=start,
        approved_at=start,
    )


async def _add_shares(work: Work, plant: Gateway, start: datetime) -> abi.ShareConfig:
    """The first share table: its holders in order, hashed with the device's key as the contract does."""
    found = await coin_addresses.receiving_addresses(work, [holder.member.id for holder in HOLDERS], start)
    held = tuple(Share(holder.member.id, found[holder.member.id], holder.shares) for holder in HOLDERS)
    config = abi.ShareConfig(
        key_x=plant.public_key[1:33],
        key_y=plant.public_key[33:],
        holders=tuple(share.address for share in held),
        weights=tuple(share.count for share in held),
    )
    table = ShareTable(
        "sht_sonnendach_1", PLANT_ID, 1, SHARE_TOTAL, held, "0x" + config.hash().hex(), slot_start(slot_at(start))
    )
    await shares.add_share_table(work, table, "set-up of this machine", start)
    return config


def _source_setup(source_ref: str, start: datetime, config: abi.ShareConfig) -> abi.SourceSetup:
    assert PLANT.profile is not None
    return abi.SourceSetup(
        source_id=bytes.fromhex(source_ref[2:]),
        device_id=bytes.fromhex(PLANT.eui),
        profile=PLANT.profile,
        channel=registers_of(PLANT.profile).index(PLANT.settled_obis),
        max_watt=NAMEPLATE_W,
        start_register_wh=OPENING_WH,
        start_read_at=int(start.timestamp()),
        mode=abi.MODE_DEVICE,
        config=config,
    )


def _registry(deployment: Deployment, source: dict[str, Any], requester: str, operators: dict[str, str]) -> str:
    return json.dumps(
        {
            "revision": 1,
            "previous": None,
            "operators": operators,
            "chain_id": deployment.chain_id,
            "issuer": deployment.issuer,
            "limits": {
                "gas_max": 5_000_000,
                "max_fee_wei_max": 5_000 * _GWEI,
                "tip_wei_max": 500 * _GWEI,
                "fee_wei_per_day_max": 10_000 * 10**18,
            },
            "requesters": {REQUESTER: requester},
            "sources": [source],
        },
        indent=2,
    )


def _source(source_ref: str, plant: Gateway, config: abi.ShareConfig, start: datetime) -> dict[str, Any]:
    setup = _source_setup(source_ref, start, config)
    table = {"holders": config.holders, "weights": config.weights, "config_hash": "0x" + config.hash().hex()}
    return {
        "source_ref": source_ref,
        "device_eui": PLANT.eui,
        "device_public_key": plant.public_key.hex(),
        "profile": setup.profile,
        "channel": setup.channel,
        "nameplate_w": NAMEPLATE_W,
        "opening_register_wh": OPENING_WH,
        "opening_at": setup.start_read_at,
        "wh_per_day_max": NAMEPLATE_W * 24,
        "share_tables": [table],
    }
