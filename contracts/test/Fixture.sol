// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnergyIssuer} from "../src/EnergyIssuer.sol";
import {EnergyShares} from "../src/EnergyShares.sol";
import {KwhToken} from "../src/KwhToken.sol";

/// @dev The cheat codes used here; npm's forge-std is another package.
interface Vm {
    function warp(uint256 timestamp) external;
    function prank(address sender) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data, address emitter) external;
    function assume(bool condition) external pure;
    function signP256(uint256 privateKey, bytes32 digest) external pure returns (bytes32 r, bytes32 s);
    function publicKeyP256(uint256 privateKey) external pure returns (uint256 x, uint256 y);
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function readFile(string calldata path) external view returns (string memory);
    function parseBytes(string calldata hexadecimal) external pure returns (bytes memory);
    function toString(uint256 value) external pure returns (string memory);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool);
    function addr(uint256 privateKey) external pure returns (address);
}

/// @dev A token, an issuer of which this contract holds every role, and devices that sign statements.
abstract contract Fixture {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551;
    uint32 internal constant SLOT = 1_994_304;
    uint256 internal constant WH = 10 ** 15;
    bytes32 internal constant ROOF = keccak256("roof");
    uint256 internal constant KEY = 0x5eed;
    bytes8 internal constant DEVICE = 0x70b3d57ed0061a2b;

    KwhToken internal token;
    EnergyIssuer internal issuer;

    error Different(uint256 left, uint256 right);
    error Violated(string what);

    function setUpLedger() internal {
        vm.warp(uint256(SLOT) * 900);
        token = new KwhToken(0, address(this));
        issuer = new EnergyIssuer(token, EnergyShares(address(0)), 0, address(this));
        token.grantRole(token.MINTER_ROLE(), address(issuer));
        issuer.grantRole(issuer.SETTLER_ROLE(), address(this));
        issuer.grantRole(issuer.REGISTRAR_ROLE(), address(this));
        issuer.grantRole(issuer.CORRECTOR_ROLE(), address(this));
        issuer.grantRole(issuer.PAUSER_ROLE(), address(this));
    }

    /// Holders 0x1001, 0x1002, ... with weights 1, 2, ...
    function shares(uint256 key, uint256 count) internal pure returns (EnergyIssuer.Config memory config) {
        (uint256 x, uint256 y) = vm.publicKeyP256(key);
        (config.keyX, config.keyY) = (bytes32(x), bytes32(y));
        config.holders = new address[](count);
        config.weights = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            config.holders[i] = address(uint160(0x1001 + i));
            config.weights[i] = i + 1;
        }
    }

    function configureRoof(EnergyIssuer.Config memory config) internal {
        issuer.configure(ROOF, DEVICE, 1, 0, 30_000, 1000, uint40(SLOT) * 900, issuer.DEVICE(), config);
    }

    /// One reading, one leaf.
    function evidence(uint256 key, bytes8 device, uint32 slot, uint64 register)
        internal
        pure
        returns (EnergyIssuer.Evidence memory)
    {
        bytes[] memory leaves = new bytes[](1);
        leaves[0] = leaf(slot, register);
        return evidenceOf(key, device, slot, leaves, 0);
    }

    /// A leaf of profile 1.
    function leaf(uint32 slot, uint64 register) internal pure returns (bytes memory) {
        return abi.encodePacked(bytes16(keccak256(abi.encode(slot))), slot, uint8(3), uint8(1), register);
    }

    function evidenceOf(uint256 key, bytes8 device, uint32 firstSlot, bytes[] memory leaves, uint256 index)
        internal
        pure
        returns (EnergyIssuer.Evidence memory made)
    {
        bytes memory payload = abi.encodePacked(
            hex"890148", device, cbor(1), cbor(77), cbor(firstSlot), cbor(leaves.length), cbor(leaves.length), cbor(1)
        );
        made = signed(key, abi.encodePacked(payload, hex"5820", root(leaves, 0, leaves.length)));
        made.leaf = leaves[index];
        made.leafIndex = index;
        made.path = path(leaves, 0, leaves.length, index);
    }

    /// Evidence with the given payload and nothing to prove.
    function signed(uint256 key, bytes memory payload) internal pure returns (EnergyIssuer.Evidence memory made) {
        made.statement = abi.encodePacked(
            hex"846a5369676e617475726531581aa2012610756170706c69636174696f6e2f656377312b636f736540",
            hex"58",
            uint8(payload.length),
            payload
        );
        (made.r, made.s) = signLow(key, sha256(made.statement));
    }

    function signLow(uint256 key, bytes32 digest) internal pure returns (bytes32 r, bytes32 s) {
        (r, s) = vm.signP256(key, digest);
        if (uint256(s) > N / 2) s = bytes32(N - uint256(s));
    }

    /// Shortest CBOR encoding of an unsigned integer.
    function cbor(uint256 value) internal pure returns (bytes memory) {
        if (value < 24) return abi.encodePacked(uint8(value));
        if (value <= type(uint8).max) return abi.encodePacked(uint8(24), uint8(value));
        if (value <= type(uint16).max) return abi.encodePacked(uint8(25), uint16(value));
        if (value <= type(uint32).max) return abi.encodePacked(uint8(26), uint32(value));
        return abi.encodePacked(uint8(27), uint64(value));
    }

    /// RFC 9162 2.1.1 over leaves[from .. to - 1].
    function root(bytes[] memory leaves, uint256 from, uint256 to) internal pure returns (bytes32) {
        if (to - from == 1) return sha256(abi.encodePacked(bytes1(0), leaves[from]));
        uint256 cut = from + half(to - from);
        return sha256(abi.encodePacked(bytes1(0x01), root(leaves, from, cut), root(leaves, cut, to)));
    }

    /// RFC 9162 2.1.3.1.
    function path(bytes[] memory leaves, uint256 from, uint256 to, uint256 index)
        internal
        pure
        returns (bytes32[] memory nodes)
    {
        if (to - from == 1) return nodes;
        uint256 cut = from + half(to - from);
        bytes32[] memory below = index < cut ? path(leaves, from, cut, index) : path(leaves, cut, to, index);
        nodes = new bytes32[](below.length + 1);
        for (uint256 i = 0; i < below.length; ++i) {
            nodes[i] = below[i];
        }
        nodes[below.length] = index < cut ? root(leaves, cut, to) : root(leaves, from, cut);
    }

    /// Largest power of two smaller than `count`.
    function half(uint256 count) internal pure returns (uint256 power) {
        power = 1;
        while (power * 2 < count) power *= 2;
    }

    function equal(uint256 left, uint256 right) internal pure {
        if (left != right) revert Different(left, right);
    }
}
