// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {ERC1155Holder} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";
import {EnergyIssuer} from "../src/EnergyIssuer.sol";
import {EnergyShares} from "../src/EnergyShares.sol";
import {Shareholding} from "./Shareholding.sol";

/// @dev Passes on what it receives, while it is being given.
contract Passer is ERC1155Holder {
    address private immutable next;

    constructor(address next_) {
        next = next_;
    }

    function onERC1155Received(address, address, uint256 id, uint256 value, bytes memory)
        public
        override
        returns (bytes4)
    {
        EnergyShares(msg.sender).safeTransferFrom(address(this), next, id, value, "");
        return this.onERC1155Received.selector;
    }
}

/// The optimiser takes block.timestamp for the same throughout a function, whatever vm.warp does: instants are written out.
contract EnergySharesTest is Shareholding {
    function setUp() public {
        setUpShares(900, 100);
        vm.warp(uint256(SLOT + 10) * 900 + 7);
    }

    // --- the token

    function test_theTreasuryHoldsAllOfAFixedSupplyFirst() public {
        equal(shareTokens.balanceOf(TREASURY, uint256(ROOF)), 100);
        equal(shareTokens.supplyOf(ROOF), 100);
        equal(shareTokens.holdersOf(ROOF), 1);
        equal(shareTokens.sharesAt(ROOF, TREASURY, 0), 100);
        equal(shareTokens.nextChange(ROOF, 0), 0);
        vm.expectPartialRevert(EnergyShares.SharesExist.selector);
        shareTokens.create(ROOF, 1, TREASURY);
        vm.expectPartialRevert(EnergyShares.NoShares.selector);
        shareTokens.create(bytes32(0), 1, TREASURY);
        vm.expectPartialRevert(EnergyShares.NoShares.selector);
        shareTokens.create(bytes32("barn"), 0, TREASURY);
        equal(shareTokens.periodS(), 900);
    }

    function testFuzz_onlyTheRegistrarCreates(address caller) public {
        vm.assume(caller != address(this));
        vm.prank(caller);
        vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
        shareTokens.create(bytes32("barn"), 1, caller);
    }

    function testFuzz_periodsAreWholeQuarterHours(uint48 period) public {
        if (period == 0 || period % 900 != 0 || period > 31 days) {
            vm.expectPartialRevert(EnergyShares.BadPeriod.selector);
        }
        new EnergyShares("", period, 0, address(this));
        new EnergyShares("", 31 days, 0, address(this));
        vm.expectPartialRevert(EnergyShares.BadPeriod.selector);
        new EnergyShares("", 31 days + 900, 0, address(this));
    }

    function testFuzz_onlyTheOwnerOrWhomHeApprovedMoves(address caller) public {
        vm.assume(caller != TREASURY);
        vm.prank(caller);
        vm.expectPartialRevert(IERC1155Errors.ERC1155MissingApprovalForAll.selector);
        shareTokens.safeTransferFrom(TREASURY, caller, uint256(ROOF), 1, "");
    }

    function test_nobodyGivesMoreThanHeHas() public {
        vm.prank(TREASURY);
        vm.expectPartialRevert(IERC1155Errors.ERC1155InsufficientBalance.selector);
        shareTokens.safeTransferFrom(TREASURY, member(0), uint256(ROOF), 101, "");
    }

    function test_interfacesAreDeclared() public view {
        if (!shareTokens.supportsInterface(type(IERC1155).interfaceId)) revert Violated("ERC-1155");
        if (!shareTokens.supportsInterface(type(IAccessControl).interfaceId)) revert Violated("access control");
        if (shareTokens.supportsInterface(0xffffffff)) revert Violated("everything");
    }

    function test_aTransferCountsFromTheNextBoundary() public {
        give(TREASURY, member(0), 30);
        equal(shareTokens.nextChange(ROOF, 0), uint256(SLOT + 11) * 900);
        equal(shareTokens.sharesAt(ROOF, member(0), uint48(SLOT + 10) * 900 + 7), 0);
        vm.expectPartialRevert(EnergyShares.NotYet.selector);
        shareTokens.sharesAt(ROOF, member(0), uint48(SLOT + 11) * 900);
        // In the boundary's own second it is too late for that boundary.
        vm.warp(uint256(SLOT + 11) * 900);
        give(TREASURY, member(0), 20);
        equal(shareTokens.sharesAt(ROOF, member(0), uint48(SLOT + 11) * 900), 30);
        equal(shareTokens.sharesAt(ROOF, TREASURY, uint48(SLOT + 11) * 900), 70);
        equal(shareTokens.nextChange(ROOF, uint48(SLOT + 11) * 900 - 1), uint256(SLOT + 11) * 900);
        equal(shareTokens.nextChange(ROOF, uint48(SLOT + 11) * 900), uint256(SLOT + 12) * 900);
        equal(shareTokens.nextChange(ROOF, uint48(SLOT + 12) * 900), 0);
        vm.warp(uint256(SLOT + 12) * 900);
        equal(shareTokens.sharesAt(ROOF, member(0), uint48(SLOT + 12) * 900), 50);
        equal(shareTokens.sharesAt(ROOF, member(0), uint48(SLOT + 12) * 900 - 1), 30);
    }

    function test_dailyBoundariesAreMidnights() public {
        setUpShares(86_400, 100);
        vm.warp(20_000 * 86_400 + 1);
        give(TREASURY, member(0), 30);
        equal(shareTokens.nextChange(ROOF, 0), 20_001 * 86_400);
    }

    function test_whatChangesNothingIsNoChange() public {
        give(TREASURY, TREASURY, 60);
        give(TREASURY, member(0), 0);
        equal(shareTokens.nextChange(ROOF, 0), 0);
        equal(shareTokens.holdersOf(ROOF), 1);
        equal(shareTokens.balanceOf(TREASURY, uint256(ROOF)), 100);
    }

    function test_batchesCountEachEntry() public {
        shareTokens.create(bytes32("barn"), 5, TREASURY);
        (uint256[] memory ids, uint256[] memory counts) = (new uint256[](3), new uint256[](3));
        (ids[0], ids[1], ids[2]) = (uint256(ROOF), uint256(bytes32("barn")), uint256(ROOF));
        (counts[0], counts[1], counts[2]) = (60, 5, 40);
        vm.prank(TREASURY);
        shareTokens.safeBatchTransferFrom(TREASURY, member(0), ids, counts, "");
        equal(shareTokens.holdersOf(ROOF), 1);
        equal(shareTokens.holdersOf(bytes32("barn")), 1);
        vm.warp(uint256(SLOT + 11) * 900);
        equal(shareTokens.sharesAt(ROOF, member(0), uint48(SLOT + 11) * 900), 100);
        equal(shareTokens.sharesAt(ROOF, TREASURY, uint48(SLOT + 11) * 900), 0);
        equal(shareTokens.sharesAt(bytes32("barn"), member(0), uint48(SLOT + 11) * 900), 5);
    }

    function test_aReceiverThatPassesOnKeepsTheBooksRight() public {
        Passer passer = new Passer(member(0));
        give(TREASURY, address(passer), 40);
        equal(shareTokens.holdersOf(ROOF), 2);
        vm.warp(uint256(SLOT + 11) * 900);
        equal(shareTokens.sharesAt(ROOF, address(passer), uint48(SLOT + 11) * 900), 0);
        equal(shareTokens.sharesAt(ROOF, member(0), uint48(SLOT + 11) * 900), 40);
    }

    function test_fiveHundredHoldersAndNoMore() public {
        setUpShares(900, 501);
        for (uint256 i = 0; i < 499; ++i) {
            give(TREASURY, member(i), 1);
        }
        equal(shareTokens.holdersOf(ROOF), 500);
        vm.prank(TREASURY);
        vm.expectPartialRevert(EnergyShares.TooManyHolders.selector);
        shareTokens.safeTransferFrom(TREASURY, member(499), uint256(ROOF), 1, "");
        give(TREASURY, member(0), 1);
        give(TREASURY, member(499), 1); // the last one the treasury had
        equal(shareTokens.holdersOf(ROOF), 500);
    }

    function test_thereIsOneTableOnly() public {
        give(TREASURY, member(0), 30);
        give(TREASURY, member(1), 20);
        uint48 noon = uint48(SLOT + 11) * 900;
        vm.warp(noon);
        EnergyIssuer.Config memory table = tableOf(SLOT + 11);
        isTable(table.holders, table.weights, noon, true);
        isTable(table.holders, table.weights, noon - 1, false);
        (address[] memory holders, uint256[] memory weights) = (new address[](2), new uint256[](2));
        (holders[0], holders[1]) = (table.holders[0], table.holders[1]);
        (weights[0], weights[1]) = (table.weights[0], table.weights[1]);
        isTable(holders, weights, noon, false); // somebody is missing
        isTable(holders, table.weights, noon, false);
        weights = new uint256[](3);
        (weights[0], weights[1], weights[2]) = (table.weights[0] + 1, table.weights[1] - 1, table.weights[2]);
        isTable(table.holders, weights, noon, false);
        holders = new address[](3);
        (holders[0], holders[1], holders[2]) = (table.holders[1], table.holders[0], table.holders[2]);
        (weights[0], weights[1], weights[2]) = (table.weights[1], table.weights[0], table.weights[2]);
        isTable(holders, weights, noon, false); // not in order
        // Two that hold half each, one of them twice.
        setUpShares(900, 100);
        vm.warp(noon);
        give(TREASURY, member(0), 50);
        vm.warp(noon + 900);
        (holders, weights) = (new address[](2), new uint256[](2));
        (holders[0], holders[1], weights[0], weights[1]) = (member(0), member(0), 50, 50);
        isTable(holders, weights, noon + 900, false);
        // Somebody without shares adds nothing, and is not in the table.
        (holders, weights) = (new address[](3), new uint256[](3));
        (holders[0], holders[1], holders[2]) = (TREASURY, member(0), member(1));
        (weights[0], weights[1]) = (50, 50);
        isTable(holders, weights, noon + 900, false);
        isTable(new address[](0), new uint256[](0), noon, false);
        if (shareTokens.isTable(bytes32("none"), new address[](0), new uint256[](0), noon)) revert Violated("no shares");
        vm.expectPartialRevert(EnergyShares.NotYet.selector);
        shareTokens.isTable(ROOF, holders, weights, noon + 901);
    }

    function isTable(address[] memory holders, uint256[] memory weights, uint48 instant, bool expected) private view {
        if (shareTokens.isTable(ROOF, holders, weights, instant) != expected) revert Violated("table");
    }

    // --- the issuer that follows

    function test_settlementsStopAtAChangeUntilTheTableFollows() public {
        give(TREASURY, member(0), 30);
        vm.warp(uint256(SLOT + 20) * 900);
        EnergyIssuer.Config memory old = tableOf(SLOT);
        refusedBy(EnergyIssuer.SharesChanged.selector, SLOT + 12, 1100, old);
        refusedBy(EnergyIssuer.SharesChanged.selector, SLOT + 20, 1100, old);
        attest(SLOT + 11, 1100, old);
        EnergyIssuer.Config memory changed = tableOf(SLOT + 11);
        vm.expectPartialRevert(EnergyIssuer.WrongShares.selector);
        issuer.followShares(ROOF, old);
        follow(changed);
        refusedBy(EnergyIssuer.WrongConfig.selector, SLOT + 20, 1200, old);
        attest(SLOT + 20, 1200, changed);
        equal(token.balanceOf(TREASURY), (100 + 70) * WH);
        equal(token.balanceOf(member(0)), 30 * WH);
        vm.expectPartialRevert(EnergyIssuer.NothingToFollow.selector);
        issuer.followShares(ROOF, changed);
    }

    function test_followingNeedsTheSettlementUpToTheChange() public {
        give(TREASURY, member(0), 30);
        vm.warp(uint256(SLOT + 20) * 900);
        attest(SLOT + 10, 1100, tableOf(SLOT));
        EnergyIssuer.Config memory changed = tableOf(SLOT + 11);
        vm.expectPartialRevert(EnergyIssuer.NothingToFollow.selector);
        issuer.followShares(ROOF, changed);
    }

    function test_followingChangesNothingButTheTable() public {
        issuer.correct(ROOF, 5, 0);
        give(TREASURY, member(0), 30);
        vm.warp(uint256(SLOT + 20) * 900);
        attest(SLOT + 11, 1100, tableOf(SLOT));
        EnergyIssuer.Config memory changed = tableOf(SLOT + 11);
        (uint256 x, uint256 y) = vm.publicKeyP256(KEY + 1);
        (changed.keyX, changed.keyY) = (bytes32(x), bytes32(y));
        vm.expectPartialRevert(EnergyIssuer.WrongKey.selector);
        issuer.followShares(ROOF, changed);
        follow(tableOf(SLOT + 11));
        (uint64 registerWh, uint40 readAt, uint32 seq, uint32 maxWatt, uint64 debtWh, uint8 mode, bool active) =
            issuer.source(ROOF);
        equal(registerWh, 1100);
        equal(readAt, uint256(SLOT + 11) * 900);
        equal(seq, 1);
        equal(maxWatt, 30_000);
        equal(debtWh, 0);
        equal(mode, 2);
        if (!active) revert Violated("active");
        (bool follows, uint40 tableAt, uint40 bridgedTo) = issuer.following(ROOF);
        if (!follows) revert Violated("follows");
        equal(tableAt, uint256(SLOT + 11) * 900);
        equal(bridgedTo, 0);
    }

    function test_aMissingReadingIsBridgedByTheRegistrarAndForThePastOnly() public {
        give(TREASURY, member(0), 100);
        vm.warp(uint256(SLOT + 14) * 900);
        vm.expectPartialRevert(EnergyIssuer.FromTheFuture.selector);
        issuer.bridgeShares(ROOF, uint40(SLOT + 15) * 900, 0);
        vm.expectPartialRevert(EnergyIssuer.NothingToFollow.selector);
        issuer.bridgeShares(ROOF, uint40(SLOT + 11) * 900, 0);
        vm.prank(member(0));
        vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
        issuer.bridgeShares(ROOF, uint40(SLOT + 13) * 900, 0);
        issuer.bridgeShares(ROOF, uint40(SLOT + 13) * 900, keccak256("no reading"));
        refusedBy(EnergyIssuer.SharesChanged.selector, SLOT + 14, 1100, tableOf(SLOT));
        attest(SLOT + 13, 1100, tableOf(SLOT));
        refusedBy(EnergyIssuer.SharesChanged.selector, SLOT + 14, 1200, tableOf(SLOT));
        follow(tableOf(SLOT + 13));
        attest(SLOT + 14, 1200, tableOf(SLOT + 13));
        equal(token.balanceOf(TREASURY), 100 * WH);
        equal(token.balanceOf(member(0)), 100 * WH);
    }

    function test_aBridgeEndsWithTheTableItWasFor() public {
        give(TREASURY, member(0), 30);
        vm.warp(uint256(SLOT + 11) * 900);
        give(TREASURY, member(0), 30);
        vm.warp(uint256(SLOT + 14) * 900);
        issuer.bridgeShares(ROOF, uint40(SLOT + 14) * 900, keccak256("no reading"));
        attest(SLOT + 11, 1100, tableOf(SLOT)); // the reading turned up after all
        follow(tableOf(SLOT + 11));
        refusedBy(EnergyIssuer.SharesChanged.selector, SLOT + 14, 1200, tableOf(SLOT + 11));
    }

    function test_theRegistrarCannotCommitAnotherTable() public {
        EnergyIssuer.Config memory other = shares(KEY, 2);
        vm.expectPartialRevert(EnergyIssuer.WrongShares.selector);
        issuer.configure(ROOF, DEVICE, 1, 0, 30_000, 1000, uint40(SLOT) * 900, 2, other);
        other = shares(KEY + 1, 2);
        vm.expectPartialRevert(EnergyIssuer.WrongShares.selector);
        issuer.configure(ROOF, DEVICE, 1, 0, 30_000, 0, uint40(SLOT + 1) * 900, 2, other);
        // A new device takes the table of the instant from which it counts.
        give(TREASURY, member(0), 30);
        vm.warp(uint256(SLOT + 20) * 900);
        EnergyIssuer.Config memory changed = tableOf(SLOT + 12);
        (uint256 x, uint256 y) = vm.publicKeyP256(KEY + 1);
        (changed.keyX, changed.keyY) = (bytes32(x), bytes32(y));
        issuer.configure(ROOF, DEVICE, 1, 0, 30_000, 0, uint40(SLOT + 12) * 900, 2, changed);
        attest(SLOT + 20, 100, changed);
        equal(token.balanceOf(member(0)), 30 * WH);
    }

    function test_aSourceWithSharesSettlesNothingThatIsToCome() public {
        vm.warp(uint256(SLOT + 11) * 900 - 1);
        refusedBy(EnergyIssuer.FromTheFuture.selector, SLOT + 11, 1100, tableOf(SLOT));
        vm.warp(uint256(SLOT + 11) * 900);
        attest(SLOT + 11, 1100, tableOf(SLOT));
    }

    function test_aSourceWithoutSharesFollowsNothing() public {
        EnergyIssuer.Config memory config = shares(KEY + 2, 3);
        issuer.configure(bytes32("barn"), DEVICE, 1, 0, 30_000, 1000, uint40(SLOT) * 900, 2, config);
        vm.expectPartialRevert(EnergyIssuer.NotFollowing.selector);
        issuer.followShares(bytes32("barn"), config);
        vm.expectPartialRevert(EnergyIssuer.NotFollowing.selector);
        issuer.bridgeShares(bytes32("barn"), 1, 0);
        vm.expectPartialRevert(EnergyIssuer.UnknownSource.selector);
        issuer.followShares(bytes32("none"), config);
        issuer.settleAttested(bytes32("barn"), 1100, uint40(SLOT + 10) * 900, 0, config);
        equal(token.totalSupply(), 100 * WH);
        // Its shares become tokens: the next configuration must be theirs, where the last settlement ended.
        shareTokens.create(bytes32("barn"), 6, member(7));
        vm.expectPartialRevert(EnergyIssuer.WrongShares.selector);
        issuer.configure(bytes32("barn"), DEVICE, 1, 0, 30_000, 1100, uint40(SLOT + 10) * 900, 2, config);
        (bool follows,,) = issuer.following(bytes32("barn"));
        if (follows) revert Violated("follows before it was configured");
    }
}
