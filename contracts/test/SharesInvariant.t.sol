// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnergyIssuer} from "../src/EnergyIssuer.sol";
import {Shareholding} from "./Shareholding.sol";

/// @dev Members trade, the plant produces, anyone settles and follows; beside it books of its own, which know the shares
/// at every quarter-hour and what each of them earned. It reverts only to report a violation.
contract Market is Shareholding {
    uint256 public constant HOLDERS = 4;
    uint256 public constant SUPPLY = 97;

    uint32 public slot = SLOT;
    uint256[HOLDERS] public held;
    uint256[HOLDERS] public earned;
    uint32 public settledSlot = SLOT;
    uint32 private tableSlot = SLOT;
    uint32 private bridgedSlot;
    mapping(uint32 slot => uint256[HOLDERS]) private heldAt;
    mapping(uint32 slot => uint64) private registerAt;
    mapping(uint32 slot => bool) private changed;
    uint32 public passed;

    constructor() {
        setUpShares(900, uint64(SUPPLY));
        held[0] = SUPPLY;
        heldAt[SLOT] = held;
        registerAt[SLOT] = 1000;
    }

    function holder(uint256 index) public pure returns (address) {
        return index == 0 ? TREASURY : member(index - 1);
    }

    function tokensOf(uint256 index) external view returns (uint256) {
        return token.balanceOf(holder(index));
    }

    function sharesOf(uint256 index) external view returns (uint256) {
        return shareTokens.balanceOf(holder(index), uint256(ROOF));
    }

    function countedHolders() external view returns (uint256) {
        return shareTokens.holdersOf(ROOF);
    }

    function sharesWereKept(uint32 when) external view returns (bool) {
        for (uint256 i = 0; i < HOLDERS; ++i) {
            if (shareTokens.sharesAt(ROOF, holder(i), uint48(when) * 900) != heldAt[when][i]) return false;
        }
        return true;
    }

    function trade(uint256 from, uint256 to, uint256 count) external {
        (from, to) = (from % HOLDERS, to % HOLDERS);
        count %= held[from] + 1;
        give(holder(from), holder(to), count);
        record(from, to, count);
    }

    function tradeTwiceAtOnce(uint256 from, uint256 to, uint256 count) external {
        (from, to) = (from % HOLDERS, to % HOLDERS);
        count %= held[from] + 1;
        (uint256[] memory ids, uint256[] memory counts) = (new uint256[](2), new uint256[](2));
        (ids[0], ids[1], counts[0], counts[1]) = (uint256(ROOF), uint256(ROOF), count / 2, count - count / 2);
        vm.prank(holder(from));
        shareTokens.safeBatchTransferFrom(holder(from), holder(to), ids, counts, "");
        record(from, to, count);
    }

    function record(uint256 from, uint256 to, uint256 count) private {
        held[from] -= count;
        held[to] += count;
        if (count != 0 && from != to) changed[slot + 1] = true;
    }

    function pass(uint256 count, uint16 energyWh, uint16 seconds_) external {
        for (uint256 i = 0; i <= count % 3; ++i) {
            registerAt[slot + 1] = registerAt[slot] + energyWh % 7500;
            heldAt[++slot] = held;
        }
        vm.warp(uint256(slot) * 900 + seconds_ % 900);
    }

    /// Up to any quarter-hour that has come: allowed up to the next change, or as far as it was bridged.
    function settle(uint256 steps) external {
        if (settledSlot == slot) return;
        uint32 to = settledSlot + 1 + uint32(steps % (slot - settledSlot));
        uint32 change = nextChange();
        EnergyIssuer.Config memory config = tableOf(tableSlot);
        if (change != 0 && to > change && to > bridgedSlot) {
            vm.expectPartialRevert(EnergyIssuer.SharesChanged.selector);
            attest(to, registerAt[to], config);
            return;
        }
        attest(to, registerAt[to], config);
        uint256 whole = (registerAt[to] - registerAt[settledSlot]) * WH;
        uint256 last = 0;
        uint256 left = whole;
        for (uint256 i = 0; i < HOLDERS; ++i) {
            uint256 part = whole * heldAt[tableSlot][i] / SUPPLY;
            earned[i] += part;
            left -= part;
            if (heldAt[tableSlot][i] != 0) last = i;
        }
        earned[last] += left;
        (settledSlot, passed) = (to, passed + 1);
    }

    function followNow() external {
        uint32 change = nextChange();
        EnergyIssuer.Config memory config = tableOf(settledSlot);
        if (change == 0 || change > settledSlot) {
            vm.expectPartialRevert(EnergyIssuer.NothingToFollow.selector);
            follow(config);
            return;
        }
        follow(config);
        (tableSlot, bridgedSlot) = (settledSlot, 0);
    }

    /// The meter was off at the next change, the registrar says.
    function bridge(uint256 steps) external {
        uint32 change = nextChange();
        if (change == 0 || change >= slot) return;
        bridgedSlot = change + 1 + uint32(steps % (slot - change));
        issuer.bridgeShares(ROOF, uint40(bridgedSlot) * 900, keccak256("off"));
    }

    /// Somebody gives himself a share of another one in the table that he offers.
    function divert(uint256 from, uint256 to) external {
        EnergyIssuer.Config memory config = tableOf(settledSlot);
        (from, to) = (from % config.weights.length, to % config.weights.length);
        if (from == to || config.weights[from] < 2) return;
        config.weights[from] -= 1;
        config.weights[to] += 1;
        try issuer.followShares(ROOF, config) {
            revert Violated("followed another table");
        } catch {}
        uint40 ended = uint40(settledSlot) * 900;
        try issuer.configure(ROOF, DEVICE, 1, 0, 30_000, registerAt[settledSlot], ended, 2, config) {
            revert Violated("configured another table");
        } catch {}
    }

    function nextChange() private view returns (uint32) {
        for (uint32 when = tableSlot + 1; when <= slot + 1; ++when) {
            if (changed[when]) return when;
        }
        return 0;
    }
}

contract SharesInvariantTest is Shareholding {
    Market private market;

    function setUp() public {
        market = new Market();
    }

    /// forge calls only this contract.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(market);
    }

    function invariant_everyoneHasWhatHisSharesEarned() external view {
        for (uint256 i = 0; i < market.HOLDERS(); ++i) {
            equal(market.tokensOf(i), market.earned(i));
        }
    }

    function invariant_sharesAddUpToTheSupply() external view {
        uint256 sum = 0;
        uint256 count = 0;
        for (uint256 i = 0; i < market.HOLDERS(); ++i) {
            equal(market.sharesOf(i), market.held(i));
            sum += market.sharesOf(i);
            if (market.sharesOf(i) != 0) ++count;
        }
        equal(sum, market.SUPPLY());
        equal(count, market.countedHolders());
    }

    function invariant_sharesOfThePastStay() external view {
        for (uint32 when = SLOT; when <= market.slot(); ++when) {
            if (!market.sharesWereKept(when)) revert Violated("shares of a past quarter-hour");
        }
    }
}
