// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnergyIssuer} from "../src/EnergyIssuer.sol";
import {EnergyShares} from "../src/EnergyShares.sol";
import {KwhToken} from "../src/KwhToken.sol";
import {Fixture} from "./Fixture.sol";

/// @dev An attested source whose shares are tokens: the treasury and members, who stand in ascending order.
abstract contract Shareholding is Fixture {
    address internal constant TREASURY = address(0x2000);

    EnergyShares internal shareTokens;

    function setUpShares(uint48 period, uint64 supply) internal {
        vm.warp(uint256(SLOT) * 900);
        token = new KwhToken(0, address(this));
        shareTokens = new EnergyShares("https://example.org/{id}", period, 0, address(this));
        issuer = new EnergyIssuer(token, shareTokens, 0, address(this));
        token.grantRole(token.MINTER_ROLE(), address(issuer));
        shareTokens.grantRole(shareTokens.REGISTRAR_ROLE(), address(this));
        issuer.grantRole(issuer.SETTLER_ROLE(), address(this));
        issuer.grantRole(issuer.REGISTRAR_ROLE(), address(this));
        issuer.grantRole(issuer.CORRECTOR_ROLE(), address(this));
        shareTokens.create(ROOF, supply, TREASURY);
        issuer.configure(ROOF, DEVICE, 1, 0, 30_000, 1000, uint40(SLOT) * 900, 2, tableOf(SLOT));
    }

    function member(uint256 number) internal pure returns (address) {
        return address(uint160(0x3000 + number));
    }

    function give(address from, address to, uint256 count) internal {
        vm.prank(from);
        shareTokens.safeTransferFrom(from, to, uint256(ROOF), count, "");
    }

    /// The table of the treasury and the first members at a quarter-hour.
    function tableOf(uint32 slot) internal view returns (EnergyIssuer.Config memory config) {
        (uint256 x, uint256 y) = vm.publicKeyP256(KEY);
        (config.keyX, config.keyY) = (bytes32(x), bytes32(y));
        (address[] memory holders, uint256[] memory weights) = (new address[](6), new uint256[](6));
        uint256 count = 0;
        for (uint256 i = 0; i < 6; ++i) {
            address holder = i == 0 ? TREASURY : member(i - 1);
            uint256 held = shareTokens.sharesAt(ROOF, holder, uint48(slot) * 900);
            if (held != 0) (holders[count], weights[count++]) = (holder, held);
        }
        (config.holders, config.weights) = (new address[](count), new uint256[](count));
        for (uint256 i = 0; i < count; ++i) {
            (config.holders[i], config.weights[i]) = (holders[i], weights[i]);
        }
    }

    function attest(uint32 slot, uint64 registerWh, EnergyIssuer.Config memory config) internal {
        issuer.settleAttested(ROOF, registerWh, uint40(slot) * 900, keccak256("frame"), config);
    }

    /// By somebody without any role.
    function follow(EnergyIssuer.Config memory config) internal {
        vm.prank(address(0xa0b0d1));
        issuer.followShares(ROOF, config);
    }

    function refusedBy(bytes4 error_, uint32 slot, uint64 registerWh, EnergyIssuer.Config memory config) internal {
        vm.expectPartialRevert(error_);
        issuer.settleAttested(ROOF, registerWh, uint40(slot) * 900, 0, config);
    }
}
