// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnergyIssuer} from "../src/EnergyIssuer.sol";
import {Statement} from "../src/Statement.sol";
import {Fixture} from "./Fixture.sol";

/// @dev What went wrong in other systems that turn energy into tokens or certificates, as regression tests of ours. Each
/// one names its origin.
contract PriorArtTest is Fixture {
    function setUp() public {
        setUpLedger();
        configureRoof(shares(KEY, 3));
        vm.warp(uint256(SLOT + 300) * 900);
    }

    function settle(uint32 slot, uint64 registerWh) private {
        issuer.settle(ROOF, evidence(KEY, DEVICE, slot, registerWh), shares(KEY, 3));
    }

    function refused(EnergyIssuer.Evidence memory given, bytes4 error_) private {
        EnergyIssuer.Config memory config = shares(KEY, 3);
        vm.expectPartialRevert(error_);
        issuer.settle(ROOF, given, config);
    }

    /// FEA: issuing by the newest timestamp left out intervals that arrived late. ETT: absent ones were no gap.
    function test_lateReadingsAreInTheNextSettlement() public {
        settle(SLOT + 1, 1100);
        settle(SLOT + 97, 1900); // nothing was received for a day
        equal(token.totalSupply(), 900 * WH);
    }

    /// FEA: bundles split into ranges that overlapped by one. Stamp: only the exact same period was a duplicate.
    function test_overlappingPeriodsMintTheirUnionOnce() public {
        settle(SLOT + 10, 1100);
        refused(evidence(KEY, DEVICE, SLOT + 9, 1150), EnergyIssuer.Stale.selector);
        settle(SLOT + 11, 1150); // of the statement that overlaps, what is new
        equal(token.totalSupply(), 150 * WH);
    }

    /// FEA #221, Guardian #2019: two replicas each minted.
    function test_theSecondReplicaMintsNothing() public {
        EnergyIssuer.Evidence memory given = evidence(KEY, DEVICE, SLOT + 1, 1100);
        issuer.settle(ROOF, given, shares(KEY, 3));
        refused(given, EnergyIssuer.Stale.selector);
        EnergyIssuer.Settlement[] memory twice = new EnergyIssuer.Settlement[](2);
        twice[0] = EnergyIssuer.Settlement(ROOF, evidence(KEY, DEVICE, SLOT + 2, 1200), shares(KEY, 3));
        twice[1] = twice[0];
        vm.expectPartialRevert(EnergyIssuer.Stale.selector);
        issuer.settleMany(twice);
        equal(token.totalSupply(), 100 * WH);
    }

    /// FEA: percentages were cut to integers. B2E2: dust stayed where nobody owns it. Som Energia: the remainder was lost
    /// when it was computed again. odoo: shares that add up to about one.
    function test_threeThirdsAreOne() public {
        EnergyIssuer.Config memory config = shares(8, 3);
        (config.weights[0], config.weights[1], config.weights[2]) = (1, 1, 1);
        issuer.configure(bytes32("thirds"), DEVICE, 1, 0, 30_000, 0, uint40(SLOT) * 900, 1, config);
        EnergyIssuer.Evidence memory given = evidence(8, DEVICE, SLOT + 1, 1);
        (,,,, uint256[] memory parts) = issuer.previewSettle(bytes32("thirds"), given, config);
        (,,,, uint256[] memory again) = issuer.previewSettle(bytes32("thirds"), given, config);
        issuer.settle(bytes32("thirds"), given, config);
        for (uint256 i = 0; i < 3; ++i) {
            equal(parts[i], again[i]);
            equal(token.balanceOf(config.holders[i]), parts[i]);
        }
        equal(parts[0] + parts[1] + parts[2], WH);
        equal(parts[2], parts[0] + 1);
    }

    /// Project Origin: the last leaf was hashed twice, so that trees of 3 and of 4 leaves had one root.
    function test_theLastLeafStandsOnce() public {
        bytes[] memory three = new bytes[](3);
        for (uint32 i = 0; i < 3; ++i) {
            three[i] = leaf(SLOT + 1 + i, 1001 + i);
        }
        bytes[] memory four = new bytes[](4);
        (four[0], four[1], four[2], four[3]) = (three[0], three[1], three[2], three[2]);
        if (root(three, 0, 3) == root(four, 0, 4)) revert Violated("one root for two trees");
        EnergyIssuer.Evidence memory given = evidenceOf(KEY, DEVICE, SLOT + 1, three, 2);
        given.path = path(four, 0, 4, 2);
        refused(given, Statement.NotIncluded.selector);
    }

    /// Guardian #3311: the evidence named another amount than the chain.
    function test_theEventsAmountIsWhatWasMinted() public {
        issuer.correct(ROOF, 30, 0);
        EnergyIssuer.Evidence memory given = evidence(KEY, DEVICE, SLOT + 1, 1100);
        vm.expectEmit(true, true, true, true, address(issuer));
        emit EnergyIssuer.Settled(ROOF, 1, 1000, 1100, uint40(SLOT + 1) * 900, 70, 1, sha256(given.statement));
        issuer.settle(ROOF, given, shares(KEY, 3));
        equal(token.totalSupply(), 70 * WH);
    }

    /// B2E2: a correction changed the evidence and moved no token.
    function test_aCorrectionIsNettedAndItsReasonTold() public {
        settle(SLOT + 1, 1100);
        vm.expectEmit(true, true, true, true, address(issuer));
        emit EnergyIssuer.Corrected(ROOF, 40, keccak256("transformer factor"));
        issuer.correct(ROOF, 40, keccak256("transformer factor"));
        equal(token.totalSupply(), 100 * WH);
        settle(SLOT + 2, 1200);
        equal(token.totalSupply(), 160 * WH);
    }

    /// M3tering: signatures without time or device, and registers that overflowed at 2^32.
    function test_aSignatureIsOfOneDeviceAndOneTime() public {
        refused(evidence(KEY, bytes8(uint64(7)), SLOT + 1, 1100), EnergyIssuer.WrongSource.selector);
        EnergyIssuer.Evidence memory given = evidence(KEY, DEVICE, SLOT + 1, 1100);
        given.leaf = leaf(SLOT + 2, 1100);
        refused(given, Statement.NotIncluded.selector);
        EnergyIssuer.Config memory config = shares(8, 1);
        uint64 most = uint64(type(uint32).max);
        issuer.configure(bytes32("large"), DEVICE, 1, 0, 30_000, most - 10, uint40(SLOT) * 900, 1, config);
        issuer.settle(bytes32("large"), evidence(8, DEVICE, SLOT + 1, most + 10), config);
        equal(token.totalSupply(), 20 * WH);
    }

    /// Srcful: only a header was signed, and the readings could be exchanged.
    function test_theSignatureCoversTheReading() public {
        EnergyIssuer.Evidence memory given = evidence(KEY, DEVICE, SLOT + 1, 1100);
        EnergyIssuer.Evidence memory other = evidence(KEY, DEVICE, SLOT + 1, 5000);
        (given.leaf, given.path) = (other.leaf, other.path);
        refused(given, Statement.NotIncluded.selector);
        (given.statement, given.leaf) = (other.statement, other.leaf);
        refused(given, EnergyIssuer.BadSignature.selector);
    }

    /// Arkreen: that a device is registered once was a matter of trust.
    function test_aDevicesRegisterIsOneSources() public {
        EnergyIssuer.Config memory config = shares(KEY, 1);
        vm.expectPartialRevert(EnergyIssuer.RegisterTaken.selector);
        issuer.configure(bytes32("again"), DEVICE, 1, 0, 30_000, 1000, uint40(SLOT) * 900, 1, config);
    }

    /// EW Origin: more volume on a certificate that existed.
    function test_aSettledInstantTakesNoMore() public {
        settle(SLOT + 1, 1100);
        refused(evidence(KEY, DEVICE, SLOT + 1, 1200), EnergyIssuer.Stale.selector);
    }
}
