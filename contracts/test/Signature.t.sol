// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
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

/// @dev The vectors of EIP-7951: input = digest, r, s, x, y. OpenZeppelin refuses the higher s, which the devices emit half
/// of the time and `abi.low_s` normalises; so does this.
abstract contract VectorsTest is SignatureTest {
    function judge(bytes32 digest, bytes32 r, bytes32 s, bytes32 x, bytes32 y) internal view virtual returns (bool);

    function test_everyVectorOfEip7951() public view {
        string memory json = vm.readFile("../tests/golden/hd/eip7951.json");
        uint256 count = 0;
        for (;; ++count) {
            string memory one = string.concat(".cases[", vm.toString(count), "]");
            if (!vm.keyExistsJson(json, one)) break;
            bytes memory input = vm.parseBytes(vm.parseJsonString(json, string.concat(one, ".input")));
            bool accepted = false;
            if (input.length == 160) {
                (bytes32 digest, bytes32 r, bytes32 s, bytes32 x, bytes32 y) =
                    abi.decode(input, (bytes32, bytes32, bytes32, bytes32, bytes32));
                if (uint256(s) > N / 2 && uint256(s) < N) s = bytes32(N - uint256(s));
                accepted = judge(digest, r, s, x, y);
            }
            if (accepted != vm.parseJsonBool(json, string.concat(one, ".valid"))) revert Violated(one);
        }
        if (count < 300) revert Violated("vectors are missing");
    }
}

/// forge-config: default.evm_version = "osaka"
contract OsakaTest is VectorsTest {
    function judge(bytes32 digest, bytes32 r, bytes32 s, bytes32 x, bytes32 y)
        internal
        view
        override
        returns (bool)
    {
        (bool done, bytes memory answer) = address(0x100).staticcall(abi.encode(digest, r, s, x, y));
        bool native = P256.verifyNative(digest, r, s, x, y);
        bool accepted = done && answer.length == 32 && abi.decode(answer, (uint256)) == 1;
        if (accepted != native || native != P256.verify(digest, r, s, x, y)) revert Violated("precompile");
        return accepted;
    }

    function test_thePrecompileIsThere() public view {
        equal(precompileAnswer(), 32);
    }
}

contract PragueTest is VectorsTest {
    function judge(bytes32 digest, bytes32 r, bytes32 s, bytes32 x, bytes32 y)
        internal
        view
        override
        returns (bool)
    {
        return P256.verifySolidity(digest, r, s, x, y);
    }

    function test_thePrecompileIsNotThere() public view {
        equal(precompileAnswer(), 0);
    }
}
