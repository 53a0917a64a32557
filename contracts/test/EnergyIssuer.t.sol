// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {EnergyIssuer} from "../src/EnergyIssuer.sol";
import {Statement} from "../src/Statement.sol";
import {Fixture} from "./Fixture.sol";

contract EnergyIssuerTest is Fixture {
    function setUp() public {
        setUpLedger();
        configureRoof(shares(KEY, 3));
        vm.warp(uint256(SLOT + 300) * 900);
    }

    function roofState() internal view returns (uint64 registerWh, uint40 readAt, uint32 seq, uint64 debtWh) {
        (registerWh, readAt, seq,, debtWh,,) = issuer.source(ROOF);
    }

    // --- exactness

    function testFuzz_partsAddUpToTheLastUnit(uint64 energyWh, uint64[] memory weights) public {
        vm.assume(weights.length > 0 && weights.length <= 20);
        EnergyIssuer.Config memory config = shares(2, weights.length);
        uint256 sum = 0;
        for (uint256 i = 0; i < weights.length; ++i) {
            config.weights[i] = weights[i] == 0 ? 1 : weights[i];
            sum += config.weights[i];
        }
        // As much energy as the largest plant can produce since 1970.
        energyWh %= uint64(uint256(type(uint32).max) * uint256(SLOT) * 900 / 3600);
        issuer.configure(bytes32("big"), DEVICE, 1, 0, type(uint32).max, 0, 0, 1, config);
        EnergyIssuer.Evidence memory given = evidence(2, DEVICE, SLOT + 1, energyWh);
        (,,, uint64 mintedWh, uint256[] memory parts) = issuer.previewSettle(bytes32("big"), given, config);
        issuer.settle(bytes32("big"), given, config);
        equal(mintedWh, energyWh);
        equal(token.totalSupply(), energyWh * WH);
        uint256 held = 0;
        for (uint256 i = 0; i < parts.length; ++i) {
            uint256 balance = token.balanceOf(config.holders[i]);
            equal(balance, parts[i]);
            if (i + 1 < parts.length) equal(balance, energyWh * WH * config.weights[i] / sum);
            held += balance;
        }
        equal(held, energyWh * WH);
    }

    function testFuzz_everyLeafOfEveryTreeSettlesAndNoOtherIndex(uint256 count, uint256 index, uint256 other) public {
        count = 1 + count % 256;
        index %= count;
        other %= count;
        bytes[] memory leaves = new bytes[](count);
        for (uint32 i = 0; i < count; ++i) {
            leaves[i] = leaf(SLOT + 1 + i, 1000 + i);
        }
        EnergyIssuer.Evidence memory given = evidenceOf(KEY, DEVICE, SLOT + 1, leaves, index);
        if (other != index) {
            given.leafIndex = other;
            vm.expectPartialRevert(Statement.NotIncluded.selector);
            issuer.settle(ROOF, given, shares(KEY, 3));
            given.leafIndex = index;
        }
        issuer.settle(ROOF, given, shares(KEY, 3));
        (uint64 registerWh, uint40 readAt,,) = roofState();
        equal(registerWh, 1000 + index);
        equal(readAt, (SLOT + 1 + index) * 900);
    }

    function testFuzz_gapsLeaveRoomForTheSlotButNoMore(uint32 slot) public {
        // Two leaves over a span of four: the second one is slot 2, 3 or 4 of the span.
        slot = SLOT + slot % 8;
        bytes[] memory leaves = new bytes[](2);
        (leaves[0], leaves[1]) = (leaf(SLOT + 1, 1001), leaf(slot, 1002));
        bytes memory payload = abi.encodePacked(
            hex"890148", DEVICE, cbor(1), cbor(7), cbor(SLOT + 1), cbor(4), cbor(2), cbor(1), hex"5820",
            root(leaves, 0, 2)
        );
        EnergyIssuer.Evidence memory given = signed(KEY, payload);
        (given.leaf, given.leafIndex, given.path) = (leaves[1], 1, path(leaves, 0, 2, 1));
        if (slot < SLOT + 2 || slot > SLOT + 4) vm.expectPartialRevert(Statement.NotIncluded.selector);
        issuer.settle(ROOF, given, shares(KEY, 3));
    }

    function test_theSignedCountDecidesTheTreesForm() public {
        // One leaf, whose hash is the root, under a count of two: no path of that tree ends here.
        EnergyIssuer.Evidence memory given = ofOneLeaf(2, 2, SLOT + 1);
        refused(given, Statement.NotIncluded.selector);
        // One leaf in a span of two, offered as the second one.
        given = ofOneLeaf(2, 1, SLOT + 2);
        given.leafIndex = 1;
        refused(given, Statement.NotIncluded.selector);
        given.leafIndex = 0;
        issuer.settle(ROOF, given, shares(KEY, 3));
    }

    function ofOneLeaf(uint256 span, uint256 count, uint32 slot)
        internal
        pure
        returns (EnergyIssuer.Evidence memory given)
    {
        bytes[] memory leaves = new bytes[](1);
        leaves[0] = leaf(slot, 1001);
        bytes memory payload = abi.encodePacked(
            hex"890148", DEVICE, cbor(1), cbor(7), cbor(SLOT + 1), cbor(span), cbor(count), cbor(1), hex"5820",
            root(leaves, 0, 1)
        );
        given = signed(KEY, payload);
        given.leaf = leaves[0];
    }

    // --- the statement's one encoding

    function testFuzz_integersOfAnySizeInTheirShortestForm(uint64 keyno, uint64 counter) public {
        issuer.settle(ROOF, withNumbers(cbor(keyno), cbor(counter)), shares(KEY, 3));
        equal(token.totalSupply(), WH);
    }

    function test_longerFormsAreRefused() public {
        bytes[6] memory longer = [
            bytes(hex"1817"), hex"1900ff", hex"1a0000ffff", hex"1b00000000ffffffff", hex"1c", hex"20"
        ];
        for (uint256 i = 0; i < longer.length; ++i) {
            EnergyIssuer.Evidence memory given = withNumbers(longer[i], cbor(1));
            vm.expectPartialRevert(Statement.MalformedStatement.selector);
            issuer.settle(ROOF, given, shares(KEY, 3));
        }
    }

    function test_theSmallestOfEachFormIsAccepted() public view {
        bytes[4] memory shortest =
            [bytes(hex"1818"), hex"190100", hex"1a00010000", hex"1b0000000100000000"];
        for (uint32 i = 0; i < shortest.length; ++i) {
            issuer.previewSettle(ROOF, withNumbers(shortest[i], cbor(1)), shares(KEY, 3));
        }
    }

    function testFuzz_aSignedStatementThatIsNotOneIsRefused(uint256 position, uint8 change) public {
        EnergyIssuer.Evidence memory given = evidence(KEY, DEVICE, SLOT + 1, 1001);
        vm.assume(change != 0);
        position %= 46; // everything before the device id
        given.statement[position] = bytes1(uint8(given.statement[position]) ^ change);
        (given.r, given.s) = signLow(KEY, sha256(given.statement));
        vm.expectPartialRevert(Statement.MalformedStatement.selector);
        issuer.settle(ROOF, given, shares(KEY, 3));
    }

    function testFuzz_truncatedOrLongerStatementsAreRefused(uint256 length) public {
        EnergyIssuer.Evidence memory given = evidence(KEY, DEVICE, SLOT + 1, 1001);
        uint256 whole = given.statement.length;
        length %= whole + 8;
        vm.assume(length != whole);
        bytes memory cut = new bytes(length);
        for (uint256 i = 0; i < length && i < whole; ++i) {
            cut[i] = given.statement[i];
        }
        if (length > 42) cut[42] = bytes1(uint8(length - 43));
        given.statement = cut;
        (given.r, given.s) = signLow(KEY, sha256(cut));
        vm.expectPartialRevert(Statement.MalformedStatement.selector);
        issuer.settle(ROOF, given, shares(KEY, 3));
    }

    function test_countAndSpanAreBounded() public {
        uint256[2][4] memory wrong = [[uint256(1), 0], [uint256(1), 2], [uint256(257), 1], [uint256(0), 0]];
        for (uint256 i = 0; i < wrong.length; ++i) {
            bytes memory payload = abi.encodePacked(
                hex"890148", DEVICE, cbor(1), cbor(1), cbor(SLOT + 1), cbor(wrong[i][0]), cbor(wrong[i][1]), cbor(1),
                hex"5820", bytes32(0)
            );
            EnergyIssuer.Evidence memory given = signed(KEY, payload);
            given.leaf = leaf(SLOT + 1, 1001);
            vm.expectPartialRevert(Statement.MalformedStatement.selector);
            issuer.settle(ROOF, given, shares(KEY, 3));
        }
    }

    function test_aReadingMarkedAsFailedIsNoEvidence() public {
        bytes[] memory leaves = new bytes[](1);
        leaves[0] = abi.encodePacked(bytes16(0), SLOT + 1, uint8(0), uint8(2), uint64(1001));
        EnergyIssuer.Evidence memory given = evidenceOf(KEY, DEVICE, SLOT + 1, leaves, 0);
        vm.expectPartialRevert(Statement.MalformedLeaf.selector);
        issuer.settle(ROOF, given, shares(KEY, 3));
    }

    // --- evidence

    function test_theHigherSIsRefused() public {
        EnergyIssuer.Evidence memory given = evidence(KEY, DEVICE, SLOT + 1, 1001);
        given.s = bytes32(N - uint256(given.s));
        refused(given, EnergyIssuer.BadSignature.selector);
    }

    function testFuzz_anotherKeysSignatureIsRefused(uint256 key) public {
        key = 1 + key % (N - 1);
        vm.assume(key != KEY);
        refused(evidence(key, DEVICE, SLOT + 1, 1001), EnergyIssuer.BadSignature.selector);
    }

    function testFuzz_anotherDeviceIsRefused(bytes8 device) public {
        vm.assume(device != DEVICE);
        refused(evidence(KEY, device, SLOT + 1, 1001), EnergyIssuer.WrongSource.selector);
    }

    function test_twoRegistersOfOneDeviceAreTwoSources() public {
        EnergyIssuer.Config memory config = shares(9, 1);
        issuer.configure(bytes32("in"), DEVICE, 2, 0, 1000, 5, uint40(SLOT) * 900, 1, config);
        issuer.configure(bytes32("out"), DEVICE, 2, 1, 1000, 7, uint40(SLOT) * 900, 1, config);
        bytes[] memory leaves = new bytes[](1);
        leaves[0] = abi.encodePacked(bytes16(0), SLOT + 1, uint8(0), uint8(1), uint64(6), uint64(9));
        bytes memory payload = abi.encodePacked(
            hex"890148", DEVICE, cbor(1), cbor(1), cbor(SLOT + 1), cbor(1), cbor(1), cbor(2), hex"5820",
            root(leaves, 0, 1)
        );
        EnergyIssuer.Evidence memory given = signed(9, payload);
        given.leaf = leaves[0];
        issuer.settle(bytes32("in"), given, config);
        equal(token.totalSupply(), WH);
        issuer.settle(bytes32("out"), given, config);
        equal(token.totalSupply(), 3 * WH);
        vm.expectPartialRevert(EnergyIssuer.RegisterTaken.selector);
        issuer.configure(bytes32("again"), DEVICE, 3, 0, 1000, 7, uint40(SLOT) * 900, 1, config);
    }

    function test_aStatementOfAnotherProfileIsRefused() public {
        // Profile 3 has one register too, but it is the other one.
        bytes[] memory leaves = new bytes[](1);
        leaves[0] = leaf(SLOT + 1, 1001);
        bytes memory payload = abi.encodePacked(
            hex"890148", DEVICE, cbor(1), cbor(7), cbor(SLOT + 1), cbor(1), cbor(1), cbor(3), hex"5820",
            root(leaves, 0, 1)
        );
        EnergyIssuer.Evidence memory given = signed(KEY, payload);
        given.leaf = leaves[0];
        refused(given, EnergyIssuer.WrongSource.selector);
    }

    function test_aSourceSettlesInItsOwnModeOnly() public {
        EnergyIssuer.Config memory config = shares(KEY, 3);
        vm.expectPartialRevert(EnergyIssuer.WrongMode.selector);
        issuer.settleAttested(ROOF, 1001, uint40(SLOT + 1) * 900, 0, config);
        vm.expectPartialRevert(EnergyIssuer.WrongMode.selector);
        issuer.previewSettleAttested(ROOF, 1001, uint40(SLOT + 1) * 900, 0, config);
        config = shares(5, 1);
        issuer.configure(bytes32("old"), DEVICE, 1, 0, 4000, 0, uint40(SLOT) * 900, 2, config);
        EnergyIssuer.Evidence memory given = evidence(5, DEVICE, SLOT + 1, 1);
        vm.expectPartialRevert(EnergyIssuer.WrongMode.selector);
        issuer.settle(bytes32("old"), given, config);
        issuer.settleAttested(bytes32("old"), 1, uint40(SLOT + 1) * 900, 0, config);
        equal(token.totalSupply(), WH);
    }

    function test_aSourceThatIsOffSettlesNothingAndLosesNothing() public {
        issuer.setActive(ROOF, false);
        refused(evidence(KEY, DEVICE, SLOT + 1, 1001), EnergyIssuer.InactiveSource.selector);
        issuer.setActive(ROOF, true);
        issuer.settle(ROOF, evidence(KEY, DEVICE, SLOT + 2, 1002), shares(KEY, 3));
        equal(token.totalSupply(), 2 * WH);
        vm.expectPartialRevert(EnergyIssuer.UnknownSource.selector);
        issuer.setActive(bytes32("none"), true);
    }

    // --- configuring again

    function test_theSameKeyKeepsItsRegister() public {
        issuer.settle(ROOF, evidence(KEY, DEVICE, SLOT + 2, 1500), shares(KEY, 3));
        uint40 ended = uint40(SLOT + 2) * 900;
        EnergyIssuer.Config memory config = shares(KEY, 3);
        vm.expectPartialRevert(EnergyIssuer.SameKey.selector);
        issuer.configure(ROOF, DEVICE, 1, 0, 30_000, 1499, ended, 1, config);
        vm.expectPartialRevert(EnergyIssuer.SameKey.selector);
        issuer.configure(ROOF, DEVICE, 3, 0, 30_000, 1500, ended, 1, config);
        vm.expectPartialRevert(EnergyIssuer.SameKey.selector);
        issuer.configure(ROOF, ~DEVICE, 1, 0, 30_000, 1500, ended, 1, config);
        vm.expectPartialRevert(EnergyIssuer.Stale.selector);
        issuer.configure(ROOF, DEVICE, 1, 0, 30_000, 1500, ended - 1, 1, config);
        issuer.configure(ROOF, DEVICE, 1, 0, 60_000, 1600, ended, 1, config); // given up, as the event tells
        issuer.settle(ROOF, evidence(KEY, DEVICE, SLOT + 3, 1600 + 15_000), config);
        equal(token.totalSupply(), (500 + 15_000) * WH);
    }

    function test_sharesChangeOnlyWhereTheLastSettlementEnded() public {
        issuer.settle(ROOF, evidence(KEY, DEVICE, SLOT + 2, 1500), shares(KEY, 3));
        uint40 ended = uint40(SLOT + 2) * 900;
        EnergyIssuer.Config memory other = shares(KEY, 2);
        vm.expectPartialRevert(EnergyIssuer.SettleFirst.selector);
        issuer.configure(ROOF, DEVICE, 1, 0, 30_000, 1500, ended + 900, 1, other);
        vm.expectPartialRevert(EnergyIssuer.SettleFirst.selector);
        issuer.configure(ROOF, DEVICE, 1, 0, 30_000, 1501, ended, 1, other);
        issuer.configure(ROOF, DEVICE, 1, 0, 30_000, 1500, ended, 1, other);
        issuer.settle(ROOF, evidence(KEY, DEVICE, SLOT + 3, 1503), other);
        equal(token.balanceOf(address(0x1003)), 500 * WH - 500 * WH * 1 / 6 - 500 * WH * 2 / 6);
    }

    function test_aNewKeyOpensAnEpochAndAUsedOneNeverComesBack() public {
        issuer.settle(ROOF, evidence(KEY, DEVICE, SLOT + 2, 1500), shares(KEY, 3));
        vm.expectPartialRevert(EnergyIssuer.Stale.selector);
        this.configureAt(shares(9, 3), 0, SLOT + 1);
        configureAt(shares(9, 3), 7, SLOT + 2);
        refused(evidence(KEY, DEVICE, SLOT + 3, 1501), EnergyIssuer.WrongConfig.selector);
        issuer.settle(ROOF, evidence(9, DEVICE, SLOT + 3, 10), shares(9, 3));
        equal(token.totalSupply(), 503 * WH);
        vm.expectPartialRevert(EnergyIssuer.RegisterTaken.selector);
        this.configureAt(shares(KEY, 3), 2000, SLOT + 3);
    }

    function configureAt(EnergyIssuer.Config memory config, uint64 registerWh, uint32 slot) public {
        EnergyIssuer to = issuer;
        to.configure(ROOF, DEVICE, 1, 0, 30_000, registerWh, uint40(slot) * 900, 1, config);
    }

    // --- time and power

    function testFuzz_theCeilingIsExact(uint32 maxWatt, uint16 slots, bool above) public {
        vm.assume(maxWatt > 0);
        uint32 later = 1 + slots % 200;
        EnergyIssuer.Config memory config = shares(4, 2);
        issuer.configure(bytes32("p"), DEVICE, 1, 0, maxWatt, 50, uint40(SLOT) * 900, 1, config);
        uint64 most = uint64(uint256(maxWatt) * later * 900 / 3600 + 1);
        EnergyIssuer.Evidence memory given = evidence(4, DEVICE, SLOT + later, 50 + most + (above ? 1 : 0));
        if (above) vm.expectPartialRevert(EnergyIssuer.Implausible.selector);
        issuer.settle(bytes32("p"), given, config);
        if (!above) equal(token.totalSupply(), most * WH);
    }

    function test_theFutureBeginsAfterFiveMinutes() public {
        vm.warp(uint256(SLOT + 1) * 900 - 301);
        refused(evidence(KEY, DEVICE, SLOT + 1, 1001), EnergyIssuer.FromTheFuture.selector);
        vm.warp(uint256(SLOT + 1) * 900 - 300);
        issuer.settle(ROOF, evidence(KEY, DEVICE, SLOT + 1, 1001), shares(KEY, 3));
    }

    function test_aSlotBeyondFortyBitsDoesNotWrapAround() public {
        // (2^40 + the instant of the next slot) / 900, rounded up: cut to 40 bits it would be a recent instant.
        uint32 far = uint32((uint256(1) << 40) / 900) + SLOT + 2;
        refused(evidence(KEY, DEVICE, far, 1001), EnergyIssuer.FromTheFuture.selector);
    }

    function test_notLaterOrLowerIsStale() public {
        issuer.settle(ROOF, evidence(KEY, DEVICE, SLOT + 2, 1500), shares(KEY, 3));
        refused(evidence(KEY, DEVICE, SLOT + 2, 1500), EnergyIssuer.Stale.selector);
        refused(evidence(KEY, DEVICE, SLOT + 2, 1501), EnergyIssuer.Stale.selector);
        refused(evidence(KEY, DEVICE, SLOT + 3, 1499), EnergyIssuer.Stale.selector);
        issuer.settle(ROOF, evidence(KEY, DEVICE, SLOT + 3, 1500), shares(KEY, 3));
        (, uint40 readAt, uint32 seq,) = roofState();
        equal(readAt, uint256(SLOT + 3) * 900);
        equal(seq, 2);
        equal(token.totalSupply(), 500 * WH);
    }

    // --- shares, roles, debts

    function testFuzz_anyOtherShareTableIsRefused(uint8 holder, address thief, uint64 weight) public {
        EnergyIssuer.Config memory config = shares(KEY, 3);
        holder %= 3;
        vm.assume(thief != config.holders[holder] && weight != config.weights[holder]);
        config.holders[holder] = thief;
        refusedWith(config, EnergyIssuer.WrongConfig.selector);
        config = shares(KEY, 3);
        config.weights[holder] = weight;
        refusedWith(config, EnergyIssuer.WrongConfig.selector);
    }

    function testFuzz_nobodyWithoutTheRole(address caller) public {
        vm.assume(caller != address(this));
        EnergyIssuer.Config memory config = shares(KEY, 3);
        EnergyIssuer.Evidence memory given = evidence(KEY, DEVICE, SLOT + 1, 1001);
        bytes4 denied = IAccessControl.AccessControlUnauthorizedAccount.selector;
        EnergyIssuer.Settlement[] memory many = new EnergyIssuer.Settlement[](0);
        vm.prank(caller);
        vm.expectPartialRevert(denied);
        issuer.settle(ROOF, given, config);
        vm.prank(caller);
        vm.expectPartialRevert(denied);
        issuer.settleMany(many);
        vm.prank(caller);
        vm.expectPartialRevert(denied);
        issuer.settleAttested(ROOF, 1001, uint40(SLOT + 1) * 900, 0, config);
        vm.prank(caller);
        vm.expectPartialRevert(denied);
        issuer.configure(ROOF, DEVICE, 1, 0, 1, 1000, uint40(SLOT) * 900, 1, config);
        vm.prank(caller);
        vm.expectPartialRevert(denied);
        issuer.correct(ROOF, 1, 0);
        vm.prank(caller);
        vm.expectPartialRevert(denied);
        issuer.setActive(ROOF, false);
        vm.prank(caller);
        vm.expectPartialRevert(denied);
        issuer.pause();
        vm.prank(caller);
        vm.expectPartialRevert(denied);
        issuer.unpause();
        vm.prank(caller);
        vm.expectPartialRevert(denied);
        token.mint(caller, 1);
    }

    function test_aCorrectionNeedsASourceAndAnAmount() public {
        vm.expectPartialRevert(EnergyIssuer.NothingToCorrect.selector);
        issuer.correct(ROOF, 0, 0);
        vm.expectPartialRevert(EnergyIssuer.UnknownSource.selector);
        issuer.correct(bytes32("none"), 1, 0);
    }

    function testFuzz_debtIsNettedFirst(uint32 debtWh, uint32 energyWh) public {
        debtWh = 1 + debtWh % 10_000;
        energyWh %= 7000;
        issuer.correct(ROOF, debtWh, keccak256("why"));
        issuer.settle(ROOF, evidence(KEY, DEVICE, SLOT + 1, 1000 + energyWh), shares(KEY, 3));
        uint256 netted = debtWh < energyWh ? debtWh : energyWh;
        (,,, uint64 leftWh) = roofState();
        equal(leftWh, debtWh - netted);
        equal(token.totalSupply(), (energyWh - netted) * WH);
    }

    function test_pauseStopsSettlingAndNothingElse() public {
        issuer.settle(ROOF, evidence(KEY, DEVICE, SLOT + 1, 1001), shares(KEY, 3));
        issuer.pause();
        refused(evidence(KEY, DEVICE, SLOT + 2, 1002), Pausable.EnforcedPause.selector);
        vm.prank(address(0x1001));
        token.transfer(address(0xbeef), 1);
        issuer.unpause();
        issuer.settle(ROOF, evidence(KEY, DEVICE, SLOT + 2, 1002), shares(KEY, 3));
    }

    function test_theCapOfHoldersSettlesAndOneMoreIsRefused() public {
        EnergyIssuer.Config memory config = shares(6, 501);
        vm.expectPartialRevert(EnergyIssuer.BadShares.selector);
        issuer.configure(bytes32("n"), DEVICE, 1, 0, 4000, 0, uint40(SLOT) * 900, 1, config);
        config = shares(6, 500);
        issuer.configure(bytes32("n"), DEVICE, 1, 0, 4000, 0, uint40(SLOT) * 900, 1, config);
        issuer.settle(bytes32("n"), evidence(6, DEVICE, SLOT + 1, 1000), config);
        equal(token.totalSupply(), 1000 * WH);
    }

    function test_badConfigurationsAreRefused() public {
        uint40 start = uint40(SLOT) * 900;
        EnergyIssuer.Config memory config = shares(8, 2);
        vm.expectPartialRevert(EnergyIssuer.NoCapacity.selector);
        issuer.configure(bytes32("x"), DEVICE, 1, 0, 0, 0, start, 1, config);
        vm.expectPartialRevert(EnergyIssuer.WrongMode.selector);
        issuer.configure(bytes32("x"), DEVICE, 1, 0, 1, 0, start, 3, config);
        vm.expectPartialRevert(EnergyIssuer.BadRegister.selector);
        issuer.configure(bytes32("x"), DEVICE, 1, 1, 1, 0, start, 1, config);
        vm.expectPartialRevert(EnergyIssuer.BadRegister.selector);
        issuer.configure(bytes32("x"), DEVICE, 4, 0, 1, 0, start, 1, config);
        vm.expectPartialRevert(EnergyIssuer.UnknownSource.selector);
        issuer.configure(bytes32(0), DEVICE, 1, 0, 1, 0, start, 1, config);
        vm.expectPartialRevert(EnergyIssuer.FromTheFuture.selector);
        issuer.configure(bytes32("x"), DEVICE, 1, 0, 1, 0, uint40(SLOT + 301) * 900, 1, config);
        config.weights[0] = 0;
        vm.expectPartialRevert(EnergyIssuer.BadShares.selector);
        issuer.configure(bytes32("x"), DEVICE, 1, 0, 1, 0, start, 1, config);
        config.weights[0] = uint256(type(uint64).max) + 1;
        vm.expectPartialRevert(EnergyIssuer.BadShares.selector);
        issuer.configure(bytes32("x"), DEVICE, 1, 0, 1, 0, start, 1, config);
        config.weights[0] = 1;
        config.holders[1] = address(0);
        vm.expectPartialRevert(EnergyIssuer.BadShares.selector);
        issuer.configure(bytes32("x"), DEVICE, 1, 0, 1, 0, start, 1, config);
        config.holders = new address[](0);
        vm.expectPartialRevert(EnergyIssuer.BadShares.selector);
        issuer.configure(bytes32("x"), DEVICE, 1, 0, 1, 0, start, 1, config);
        config = shares(8, 2);
        config.keyX = bytes32(uint256(config.keyX) ^ 1);
        vm.expectPartialRevert(EnergyIssuer.BadKey.selector);
        issuer.configure(bytes32("x"), DEVICE, 1, 0, 1, 0, start, 1, config);
    }

    // --- inside

    function withNumbers(bytes memory keyno, bytes memory counter)
        internal
        pure
        returns (EnergyIssuer.Evidence memory given)
    {
        bytes[] memory leaves = new bytes[](1);
        leaves[0] = leaf(SLOT + 1, 1001);
        bytes memory payload = abi.encodePacked(
            hex"890148", DEVICE, keyno, counter, cbor(SLOT + 1), cbor(1), cbor(1), cbor(1), hex"5820", root(leaves, 0, 1)
        );
        given = signed(KEY, payload);
        given.leaf = leaves[0];
    }

    function refused(EnergyIssuer.Evidence memory given, bytes4 error_) internal {
        EnergyIssuer.Config memory config = shares(KEY, 3);
        vm.expectPartialRevert(error_);
        issuer.settle(ROOF, given, config);
    }

    function refusedWith(EnergyIssuer.Config memory config, bytes4 error_) internal {
        EnergyIssuer.Evidence memory given = evidence(KEY, DEVICE, SLOT + 1, 1001);
        vm.expectPartialRevert(error_);
        issuer.settle(ROOF, given, config);
    }
}
