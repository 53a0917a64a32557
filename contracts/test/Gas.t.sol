// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnergyIssuer} from "../src/EnergyIssuer.sol";
import {Fixture} from "./Fixture.sol";

/// @dev What a settlement costs in the steady state: holders known, a day statement of 96 readings, the last one settled.
/// Without the transaction's own 21 000 and its calldata. The evidence is made in setUp: only the settlement is measured.
/// forge-config: default.evm_version = "osaka"
contract GasTest is Fixture {
    mapping(uint256 count => EnergyIssuer.Evidence) private made;
    mapping(uint256 count => EnergyIssuer.Config) private configs;

    function setUp() public {
        setUpLedger();
        vm.warp(uint256(SLOT + 200) * 900);
        uint256[3] memory counts = [uint256(1), 10, 50];
        for (uint256 i = 0; i < counts.length; ++i) {
            uint256 count = counts[i];
            configs[count] = shares(count, count);
            issuer.configure(bytes32(count), DEVICE, 1, 0, 30_000, 0, uint40(SLOT) * 900, 1, shares(count, count));
            issuer.settle(bytes32(count), evidence(count, DEVICE, SLOT + 1, 1000), shares(count, count));
            bytes[] memory leaves = new bytes[](96);
            for (uint32 k = 0; k < 96; ++k) {
                leaves[k] = leaf(SLOT + 2 + k, 1100 + k);
            }
            made[count] = evidenceOf(count, DEVICE, SLOT + 2, leaves, 95);
        }
    }

    function test_oneHolder() public {
        measure(1, 70_000);
    }

    function test_tenHolders() public {
        measure(10, 160_000);
    }

    function test_fiftyHolders() public {
        measure(50, 560_000);
    }

    /// Fails if it costs more than `most`: raise the figure only on purpose.
    function measure(uint256 count, uint256 most) private {
        EnergyIssuer.Evidence memory given = made[count];
        EnergyIssuer.Config memory config = configs[count];
        uint256 before = gasleft();
        issuer.settle(bytes32(count), given, config);
        uint256 used = before - gasleft();
        if (used > most) revert TooDear(used, most);
    }

    error TooDear(uint256 gas, uint256 most);
}
