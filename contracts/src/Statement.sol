// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Reader of ECW1 statements: the signed bytes, and the proof that one reading is among those they cover.
/// @dev docs/wire-format.md 2.2. The signed bytes are the COSE Sig_structure
/// `["Signature1", protected, h'', payload]` with the payload
/// `[1, h'device id 8', keyno, ctr, first_slot, span, count, profile, h'root 32']`, both in deterministic CBOR
/// (RFC 8949 4.2): exactly one encoding is accepted, with nothing before, between or after.
library Statement {
    /// @notice What a statement says. `slot` counts quarter-hours since 1970: seconds / 900.
    struct Facts {
        bytes8 deviceId;
        uint64 firstSlot;
        uint64 span;
        uint64 count;
        uint64 profile;
        bytes32 root;
    }

    /// @notice The bytes are not an ECW1 statement in its one deterministic encoding.
    error MalformedStatement();
    /// @notice The bytes are not a leaf of the statement's profile, or the reading is marked as failed.
    error MalformedLeaf();
    /// @notice The leaf is not in the statement's tree at this index, or its slot does not fit the index.
    error NotIncluded();

    /// array(4), text(10) "Signature1", bytes(26) {1: -7, 16: "application/ecw1+cose"}, bytes(0), bytes(1-byte length)
    bytes private constant HEAD = hex"846a5369676e617475726531581aa2012610756170706c69636174696f6e2f656377312b636f7365"
        hex"4058";
    uint256 private constant HEAD_LENGTH = 42;
    /// array(9), version 1, bytes(8)
    bytes3 private constant PAYLOAD_HEAD = 0x890148;
    /// bytes(32)
    bytes2 private constant ROOT_HEAD = 0x5820;
    uint256 private constant SPAN_MAX = 256;
    /// salt 16, slot 4, offset 1, status 1
    uint256 private constant LEAF_HEAD_LENGTH = 22;

    /// @notice Reads the signed bytes `tbs`.
    function parse(bytes calldata tbs) internal pure returns (Facts memory facts) {
        uint256 pos = HEAD_LENGTH + 1;
        if (tbs.length < pos + 11 || keccak256(tbs[:HEAD_LENGTH]) != keccak256(HEAD)) revert MalformedStatement();
        if (uint8(tbs[HEAD_LENGTH]) != tbs.length - pos) revert MalformedStatement();
        if (bytes3(tbs[pos:pos + 3]) != PAYLOAD_HEAD) revert MalformedStatement();
        facts.deviceId = bytes8(tbs[pos + 3:pos + 11]);
        pos += 11;
        (, pos) = _uint(tbs, pos); // key number: the key itself is pinned by the configuration
        (, pos) = _uint(tbs, pos); // statement counter: the register chain makes it unnecessary here
        (facts.firstSlot, pos) = _uint(tbs, pos);
        (facts.span, pos) = _uint(tbs, pos);
        (facts.count, pos) = _uint(tbs, pos);
        (facts.profile, pos) = _uint(tbs, pos);
        if (tbs.length != pos + 34 || bytes2(tbs[pos:pos + 2]) != ROOT_HEAD) revert MalformedStatement();
        facts.root = bytes32(tbs[pos + 2:]);
        if (facts.count == 0 || facts.count > facts.span || facts.span > SPAN_MAX) revert MalformedStatement();
        if (facts.firstSlot > type(uint32).max) revert MalformedStatement();
    }

    /// @notice Reads the leaf, proves it is number `index` of the statement, and returns its slot and register value.
    /// @param channel position of the wanted register in the profile
    /// @param channels number of registers in the profile
    function reading(
        Facts memory facts,
        bytes calldata leaf,
        bytes32[] calldata path,
        uint256 index,
        uint256 channel,
        uint256 channels
    ) internal pure returns (uint32 slot, uint64 register) {
        if (leaf.length != LEAF_HEAD_LENGTH + 8 * channels) revert MalformedLeaf();
        slot = uint32(bytes4(leaf[16:20]));
        if (uint8(leaf[21]) & 1 == 0) revert MalformedLeaf(); // status bit 0: read ok
        uint256 pos = LEAF_HEAD_LENGTH + 8 * channel;
        register = uint64(bytes8(leaf[pos:pos + 8]));
        // Leaves are the present slots, oldest first: leaf i has i present ones before it and count-1-i after it.
        uint256 earliest = uint256(facts.firstSlot) + index;
        if (index >= facts.count || slot < earliest || slot > earliest + facts.span - facts.count) revert NotIncluded();
        if (!_included(sha256(abi.encodePacked(bytes1(0), leaf)), path, index, facts.count, facts.root)) {
            revert NotIncluded();
        }
    }

    /// RFC 9162 2.1.3.2, verifying an inclusion proof.
    function _included(bytes32 hash, bytes32[] calldata path, uint256 index, uint256 count, bytes32 root)
        private
        pure
        returns (bool)
    {
        uint256 last = count - 1;
        for (uint256 i = 0; i < path.length; ++i) {
            if (last == 0) return false;
            if (index & 1 == 1 || index == last) {
                hash = sha256(abi.encodePacked(bytes1(0x01), path[i], hash));
                while (index & 1 == 0 && index != 0) {
                    index >>= 1;
                    last >>= 1;
                }
            } else {
                hash = sha256(abi.encodePacked(bytes1(0x01), hash, path[i]));
            }
            index >>= 1;
            last >>= 1;
        }
        return last == 0 && hash == root;
    }

    /// One CBOR unsigned integer in its shortest form (major type 0), and the position after it.
    function _uint(bytes calldata data, uint256 pos) private pure returns (uint64 value, uint256 next) {
        if (pos >= data.length) revert MalformedStatement();
        uint8 head = uint8(data[pos]);
        if (head < 24) return (head, pos + 1);
        if (head > 27) revert MalformedStatement();
        uint256 size = 1 << (head - 24);
        next = pos + 1 + size;
        if (next > data.length) revert MalformedStatement();
        for (uint256 i = pos + 1; i < next; ++i) {
            value = (value << 8) | uint8(data[i]);
        }
        // The shortest form is the only one: 24.. in one byte, above 2^8, 2^16, 2^32 in two, four, eight.
        if (size == 1 ? value < 24 : value >> (4 * size) == 0) revert MalformedStatement();
    }
}
