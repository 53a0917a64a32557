// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The issuer's face without any guard: it refuses nobody, mints whatever it is told, again and again, and counts.
/// @dev For tests only: what is minted once here, the backend alone minted once. The dry run protects nobody either: a
/// settlement that was made before is previewed as it was then.
contract CountingIssuer {
    struct Config {
        bytes32 keyX;
        bytes32 keyY;
        address[] holders;
        uint256[] weights;
    }

    struct Evidence {
        bytes statement;
        bytes32 r;
        bytes32 s;
        bytes leaf;
        bytes32[] path;
        uint256 leafIndex;
    }

    struct Settlement {
        bytes32 sourceId;
        Evidence evidence;
        Config config;
    }

    event Settled(
        bytes32 indexed sourceId,
        uint32 indexed seq,
        uint64 fromWh,
        uint64 toWh,
        uint40 readAt,
        uint64 mintedWh,
        uint8 mode,
        bytes32 evidence
    );

    uint256 public totalSupply;
    mapping(address holder => uint256) public balanceOf;
    /// How often the way of a source's register up to a value was minted.
    mapping(bytes32 sourceId => mapping(uint64 toWh => uint256)) public counts;
    mapping(bytes32 sourceId => mapping(uint64 toWh => uint64)) private _fromOf;
    mapping(bytes32 sourceId => uint64) private _registerWh;
    mapping(bytes32 sourceId => uint32) private _seq;

    function hasRole(bytes32, address) external pure returns (bool) {
        return true;
    }

    function open(bytes32 sourceId, uint64 registerWh) external {
        _registerWh[sourceId] = registerWh;
    }

    function source(bytes32 sourceId)
        external
        view
        returns (uint64, uint40, uint32, uint32, uint64, uint8, bool)
    {
        return (_registerWh[sourceId], 0, _seq[sourceId], 0, 0, 1, true);
    }

    function previewSettle(bytes32 sourceId, Evidence calldata evidence, Config calldata config)
        external
        view
        returns (uint64 fromWh, uint64 toWh, uint40 readAt, uint64 mintedWh, uint256[] memory parts)
    {
        (fromWh, toWh, readAt) = _way(sourceId, evidence.leaf);
        mintedWh = toWh - fromWh;
        parts = _split(mintedWh, config.weights);
    }

    function settle(bytes32 sourceId, Evidence calldata evidence, Config calldata config) external {
        _settle(sourceId, evidence, config);
    }

    function settleMany(Settlement[] calldata settlements) external {
        for (uint256 i = 0; i < settlements.length; ++i) {
            _settle(settlements[i].sourceId, settlements[i].evidence, settlements[i].config);
        }
    }

    function _settle(bytes32 sourceId, Evidence calldata evidence, Config calldata config) private {
        (uint64 fromWh, uint64 toWh, uint40 readAt) = _way(sourceId, evidence.leaf);
        counts[sourceId][toWh] += 1;
        _fromOf[sourceId][toWh] = fromWh;
        _registerWh[sourceId] = toWh;
        _seq[sourceId] += 1;
        uint256[] memory parts = _split(toWh - fromWh, config.weights);
        for (uint256 i = 0; i < parts.length; ++i) {
            balanceOf[config.holders[i]] += parts[i];
            totalSupply += parts[i];
        }
        emit Settled(
            sourceId, _seq[sourceId], fromWh, toWh, readAt, toWh - fromWh, 1, sha256(evidence.statement)
        );
    }

    function _way(bytes32 sourceId, bytes calldata leaf) private view returns (uint64 fromWh, uint64 toWh, uint40 readAt) {
        toWh = uint64(bytes8(leaf[22:30]));
        readAt = uint40(uint32(bytes4(leaf[16:20]))) * 900;
        fromWh = counts[sourceId][toWh] == 0 ? _registerWh[sourceId] : _fromOf[sourceId][toWh];
    }

    function _split(uint64 mintedWh, uint256[] calldata weights) private pure returns (uint256[] memory parts) {
        uint256 whole = uint256(mintedWh) * 10 ** 15;
        uint256 left = whole;
        uint256 sum = 0;
        for (uint256 i = 0; i < weights.length; ++i) {
            sum += weights[i];
        }
        parts = new uint256[](weights.length);
        for (uint256 i = 0; i + 1 < weights.length; ++i) {
            parts[i] = whole * weights[i] / sum;
            left -= parts[i];
        }
        parts[weights.length - 1] = left;
    }
}
