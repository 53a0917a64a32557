// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnergyIssuer} from "../src/EnergyIssuer.sol";
import {KwhToken} from "../src/KwhToken.sol";
import {Fixture} from "./Fixture.sol";

/// @dev Does to the ledger what honest and dishonest parties do, and keeps its own books: a register per plant, what was
/// produced since the last settlement, the debts. It reverts only to report a violation.
contract Plants is Fixture {
    uint256 public constant COUNT = 3;

    uint64[COUNT] public register;
    uint64[COUNT] public settled;
    uint64[COUNT] public debt;
    uint256[COUNT] public key;
    uint256[COUNT] private holders;
    /// Wh by which accepted evidence advanced, less netted debts.
    uint256 public provenWh;
    uint256 public retired;
    uint256 public settlements;
    uint32 private slot = SLOT;
    uint32[COUNT] private settledSlot;
    EnergyIssuer.Evidence[COUNT] private newest;

    constructor() {
        setUpLedger();
        for (uint256 i = 0; i < COUNT; ++i) {
            (key[i], holders[i], settledSlot[i]) = (100 + i, i + 1, SLOT);
            issuer.configure(id(i), DEVICE, 1, 0, 30_000, 0, uint40(SLOT) * 900, 1, config(i));
        }
    }

    function tokenOf() external view returns (KwhToken) {
        return token;
    }

    function issuerOf() external view returns (EnergyIssuer) {
        return issuer;
    }

    function id(uint256 plant) public pure returns (bytes32) {
        return bytes32(plant + 1);
    }

    function config(uint256 plant) internal view returns (EnergyIssuer.Config memory) {
        return shares(key[plant], holders[plant]);
    }

    /// The plant produces for a quarter-hour, and what it signs is settled.
    function produce(uint256 plant, uint16 energyWh) external {
        plant %= COUNT;
        pass();
        register[plant] += energyWh % 7500;
        EnergyIssuer.Evidence memory given = evidence(key[plant], DEVICE, slot, register[plant]);
        issuer.settle(id(plant), given, config(plant));
        uint64 energy = register[plant] - settled[plant];
        uint64 netted = energy < debt[plant] ? energy : debt[plant];
        debt[plant] -= netted;
        provenWh += energy - netted;
        ++settlements;
        (settled[plant], settledSlot[plant]) = (register[plant], slot);
        newest[plant] = given;
    }

    /// The plant produces, and nobody settles: the next settlement covers it.
    function produceUnseen(uint256 plant, uint16 energyWh) external {
        pass();
        register[plant % COUNT] += energyWh % 7500;
    }

    function replay(uint256 plant) external {
        plant %= COUNT;
        if (newest[plant].statement.length != 0) mustFail(plant, newest[plant], config(plant), "replayed");
    }

    /// A signature of a key that is not the plant's.
    function forge(uint256 plant, uint256 otherKey, uint64 registerWh) external {
        plant %= COUNT;
        otherKey = 1 + otherKey % (N - 1);
        if (otherKey == key[plant]) return;
        pass();
        mustFail(plant, evidence(otherKey, DEVICE, slot, registerWh), config(plant), "forged");
    }

    /// True evidence of one plant, offered for another one.
    function otherSource(uint256 plant, uint256 other) external {
        (plant, other) = (plant % COUNT, other % COUNT);
        if (plant == other) return;
        pass();
        EnergyIssuer.Evidence memory given = evidence(key[other], DEVICE, slot, settled[plant] + 1);
        mustFail(plant, given, config(plant), "other source");
        mustFail(plant, given, config(other), "other source's shares");
    }

    /// True evidence, but the sender wants the tokens himself.
    function otherShares(uint256 plant, address thief) external {
        plant %= COUNT;
        EnergyIssuer.Config memory wanted = config(plant);
        if (thief == wanted.holders[0]) return;
        wanted.holders[0] = thief;
        pass();
        mustFail(plant, evidence(key[plant], DEVICE, slot, register[plant]), wanted, "diverted");
    }

    /// A stolen device key claims more than the plant can produce.
    function exaggerate(uint256 plant, uint64 surplusWh) external {
        plant %= COUNT;
        pass();
        uint64 most = 7500 * (slot - settledSlot[plant]) + 1;
        uint64 claimed = settled[plant] + most + 1 + surplusWh % 1_000_000;
        mustFail(plant, evidence(key[plant], DEVICE, slot, claimed), config(plant), "beyond the nameplate");
    }

    function correct(uint256 plant, uint16 debtWh) external {
        plant %= COUNT;
        issuer.correct(id(plant), uint64(debtWh) + 1, keccak256("metering fault"));
        debt[plant] += uint64(debtWh) + 1;
    }

    /// Shares change where the last settlement ended.
    function changeShares(uint256 plant, uint256 count) external {
        plant %= COUNT;
        holders[plant] = 1 + count % 5;
        (uint64 registerWh, uint40 readAt,,,,,) = issuer.source(id(plant));
        issuer.configure(id(plant), DEVICE, 1, 0, 30_000, registerWh, readAt, 1, config(plant));
    }

    /// A new device with a new key, whose register starts anywhere.
    function exchange(uint256 plant, uint32 startWh) external {
        plant %= COUNT;
        pass();
        key[plant] += COUNT;
        (register[plant], settled[plant], settledSlot[plant]) = (startWh, startWh, slot);
        issuer.configure(id(plant), DEVICE, 1, 0, 30_000, startWh, uint40(slot) * 900, 1, config(plant));
    }

    function retire(uint256 amount) external {
        address holder = address(0x1001);
        amount = token.balanceOf(holder) == 0 ? 0 : amount % token.balanceOf(holder);
        vm.prank(holder);
        token.retire(amount, "evening");
        retired += amount;
    }

    function pass() private {
        slot += 1;
        vm.warp(uint256(slot) * 900);
    }

    function mustFail(
        uint256 plant,
        EnergyIssuer.Evidence memory given,
        EnergyIssuer.Config memory offered,
        string memory what
    ) private {
        try issuer.settle(id(plant), given, offered) {
            revert Violated(what);
        } catch {}
    }
}

contract InvariantTest is Fixture {
    Plants private plants;

    function setUp() public {
        plants = new Plants();
        token = plants.tokenOf();
        issuer = plants.issuerOf();
    }

    /// forge calls only these contracts.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(plants);
    }

    function invariant_supplyAndRetiredIsTheEvidence() external view {
        equal(token.totalSupply() + plants.retired(), plants.provenWh() * WH);
    }

    function invariant_everyUnitIsHeldByAShareholder() external view {
        uint256 held = 0;
        for (uint256 i = 0; i < 5; ++i) {
            held += token.balanceOf(address(uint160(0x1001 + i)));
        }
        equal(held, token.totalSupply());
    }

    function invariant_theIssuerKeepsTheSameBooks() external view {
        uint256 seqs = 0;
        for (uint256 i = 0; i < plants.COUNT(); ++i) {
            (uint64 registerWh,, uint32 seq,, uint64 debtWh,,) = issuer.source(plants.id(i));
            equal(registerWh, plants.settled(i));
            equal(debtWh, plants.debt(i));
            seqs += seq;
        }
        equal(seqs, plants.settlements());
    }
}
