// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnergyIssuer} from "../src/EnergyIssuer.sol";
import {Fixture} from "./Fixture.sol";

/// @dev The judgement of signatures, where the P-256 precompile exists and where OpenZeppelin computes in Solidity. The
/// code is the same: everything is compiled once, for prague.
abstract contract SignatureTest is Fixture {
    function setUp() public {
        setUpLedger();
        configureRoof(shares(KEY, 3));
        vm.warp(uint256(SLOT + 2) * 900);
    }

    function precompileAnswer() internal view returns (uint256 length) {
        bytes32 digest = sha256("anything");
        (bytes32 r, bytes32 s) = signLow(KEY, digest);
        (uint256 x, uint256 y) = vm.publicKeyP256(KEY);
        (, bytes memory answer) = address(0x100).staticcall(abi.encode(digest, r, s, x, y));
        return answer.length;
    }

    function testFuzz_onlyTheDevicesLowSignatureSettles(uint64 energyWh, uint256 otherKey, uint256 flipped) public {
        EnergyIssuer.Config memory config = shares(KEY, 3);
        energyWh %= 7500;
        otherKey = 1 + otherKey % (N - 1);
        vm.assume(otherKey != KEY);
        EnergyIssuer.Evidence memory given = evidence(otherKey, DEVICE, SLOT + 1, 1000 + energyWh);
        vm.expectPartialRevert(EnergyIssuer.BadSignature.selector);
        issuer.settle(ROOF, given, config);
        given = evidence(KEY, DEVICE, SLOT + 1, 1000 + energyWh);
        (bytes32 r, bytes32 s) = (given.r, given.s);
        given.s = bytes32(N - uint256(s));
        vm.expectPartialRevert(EnergyIssuer.BadSignature.selector);
        issuer.settle(ROOF, given, config);
        (given.r, given.s) = (bytes32(uint256(r) ^ (1 << (flipped % 256))), s);
        vm.expectPartialRevert(EnergyIssuer.BadSignature.selector);
        issuer.settle(ROOF, given, config);
        (given.r, given.s) = (r, s);
        issuer.settle(ROOF, given, config);
        equal(token.totalSupply(), energyWh * WH);
    }
}

/// forge-config: default.evm_version = "osaka"
contract OsakaTest is SignatureTest {
    function test_thePrecompileIsThere() public view {
        equal(precompileAnswer(), 32);
    }
}

contract PragueTest is SignatureTest {
    function test_thePrecompileIsNotThere() public view {
        equal(precompileAnswer(), 0);
    }
}
