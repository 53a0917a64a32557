// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// @title Shares of energy sources as tokens: one ERC-1155 token type per source, its id is the source's id.
/// @notice The supply of a type is fixed when it is created, and the treasury holds all of it first. A transfer counts
/// from the next boundary on: the shares of an instant are the balances before the last boundary at or before it.
/// @dev Invariants, for every type: the balances add up to the supply; at most HOLDERS_MAX accounts hold some; what
/// `sharesAt` answers for an instant never changes once the instant has come.
/// An issuer that knows this contract pays by these shares and no others, see EnergyIssuer.followShares.
contract EnergyShares is ERC1155, AccessControlDefaultAdminRules {
    using Checkpoints for Checkpoints.Trace208;

    /// @dev What is known of a token type; a supply of zero means that there is none.
    struct ShareType {
        uint64 supply;
        uint32 holders;
    }

    /// @notice May create the shares of a source.
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");
    /// @notice Most holders of one source: a settlement over all of them must fit into a block.
    uint256 public constant HOLDERS_MAX = 500;
    uint256 private constant INTERVAL_S = 900;
    uint256 private constant PERIOD_S_MAX = 31 days;

    /// @notice Seconds between two boundaries at which transfers begin to count; a multiple of a quarter-hour.
    uint48 public immutable periodS;

    mapping(uint256 id => ShareType) private _types;
    /// @dev Shares of a holder, by the boundary from which they count.
    mapping(uint256 id => mapping(address holder => Checkpoints.Trace208)) private _shares;
    /// @dev The boundaries from which other shares count; each one is its own value.
    mapping(uint256 id => Checkpoints.Trace208) private _changes;

    /// @notice `supply` shares of the source exist from now on and for ever; the treasury holds them.
    event SharesCreated(bytes32 indexed sourceId, address indexed treasury, uint64 supply);

    /// @notice Boundaries are a positive whole number of quarter-hours apart, at most 31 days.
    error BadPeriod(uint48 periodS);
    /// @notice A type needs a source and a positive number of shares.
    error NoShares();
    /// @notice The source has shares already, and their number is fixed.
    error SharesExist(bytes32 sourceId, uint64 supply);
    /// @notice The transfer would make more than HOLDERS_MAX holders of the source.
    error TooManyHolders(bytes32 sourceId);
    /// @notice Shares of an instant are known when it has come.
    error NotYet(uint48 instant, uint256 chainTime);

    /// @param uri_ where the types are described; `{id}` stands for the source's id in hexadecimal (ERC-1155)
    /// @param periodS_ seconds between two boundaries: 900 for every interval, 86400 for every day (UTC)
    /// @param adminDelay seconds between the start of an admin transfer and its earliest acceptance
    /// @param admin the first admin; a multi-signature account in production
    constructor(string memory uri_, uint48 periodS_, uint48 adminDelay, address admin)
        ERC1155(uri_)
        AccessControlDefaultAdminRules(adminDelay, admin)
    {
        if (periodS_ == 0 || periodS_ % INTERVAL_S != 0 || periodS_ > PERIOD_S_MAX) revert BadPeriod(periodS_);
        periodS = periodS_;
    }

    /// @notice Creates the shares of a source and gives all of them to the treasury, from which they are sold.
    /// @dev They count from the beginning of time: before its shares existed, the source was the treasury's.
    function create(bytes32 sourceId, uint64 supply, address treasury) external onlyRole(REGISTRAR_ROLE) {
        if (sourceId == 0 || supply == 0) revert NoShares();
        ShareType storage kind = _types[uint256(sourceId)];
        if (kind.supply != 0) revert SharesExist(sourceId, kind.supply);
        kind.supply = supply;
        emit SharesCreated(sourceId, treasury, supply);
        _mint(treasury, uint256(sourceId), supply, "");
    }

    // --- reading

    /// @notice Number of shares of the source, all told; zero if it has none here.
    function supplyOf(bytes32 sourceId) external view returns (uint64) {
        return _types[uint256(sourceId)].supply;
    }

    /// @notice Number of accounts that hold shares of the source now.
    function holdersOf(bytes32 sourceId) external view returns (uint32) {
        return _types[uint256(sourceId)].holders;
    }

    /// @notice Shares of the holder that count at an instant that has come, in seconds since 1970.
    function sharesAt(bytes32 sourceId, address holder, uint48 instant) external view returns (uint256) {
        _mustHaveCome(instant);
        return _shares[uint256(sourceId)][holder].upperLookupRecent(instant);
    }

    /// @notice The first boundary after `instant` from which other shares count; zero if no transfer was made.
    function nextChange(bytes32 sourceId, uint48 instant) external view returns (uint48) {
        Checkpoints.Trace208 storage changes = _changes[uint256(sourceId)];
        (, uint48 latest,) = changes.latestCheckpoint();
        return latest <= instant ? 0 : uint48(changes.lowerLookup(instant + 1));
    }

    /// @notice Whether these are all holders of the source, in ascending order, and their shares at the instant. There
    /// is exactly one such table.
    function isTable(bytes32 sourceId, address[] calldata holders, uint256[] calldata weights, uint48 instant)
        external
        view
        returns (bool)
    {
        _mustHaveCome(instant);
        if (holders.length != weights.length) return false;
        mapping(address holder => Checkpoints.Trace208) storage shares = _shares[uint256(sourceId)];
        uint256 sum = 0;
        address last = address(0);
        for (uint256 i = 0; i < holders.length; ++i) {
            if (holders[i] <= last) return false;
            last = holders[i];
            if (weights[i] == 0 || weights[i] != shares[last].upperLookupRecent(instant)) return false;
            sum += weights[i];
        }
        return sum != 0 && sum == _types[uint256(sourceId)].supply;
    }

    /// @inheritdoc ERC1155
    function supportsInterface(bytes4 interfaceId)
        public
        view
        override(ERC1155, AccessControlDefaultAdminRules)
        returns (bool)
    {
        return super.supportsInterface(interfaceId);
    }

    // --- inside

    /// @inheritdoc ERC1155
    /// @dev Every movement passes here. A receiving contract is called only afterwards, when all is written.
    function _update(address from, address to, uint256[] memory ids, uint256[] memory values) internal override {
        super._update(from, to, ids, values);
        uint48 boundary = from == address(0) ? 0 : uint48((block.timestamp / periodS + 1) * periodS);
        for (uint256 i = 0; i < ids.length; ++i) {
            // A transfer that changes nothing is no change: nobody can force settlements with it.
            if (values[i] != 0 && from != to) _move(from, to, ids[i], uint208(values[i]), boundary);
        }
    }

    /// Keeps the shares by boundary and the number of holders; `value` was found to be available.
    function _move(address from, address to, uint256 id, uint208 value, uint48 boundary) private {
        uint32 holders = _types[id].holders;
        if (from != address(0)) {
            uint208 left = _shares[id][from].latest() - value;
            _shares[id][from].push(boundary, left);
            _changes[id].push(boundary, boundary);
            if (left == 0) --holders;
        }
        uint208 held = _shares[id][to].latest();
        _shares[id][to].push(boundary, held + value);
        if (held == 0) ++holders;
        if (holders > HOLDERS_MAX) revert TooManyHolders(bytes32(id));
        _types[id].holders = holders;
    }

    function _mustHaveCome(uint48 instant) private view {
        if (instant > block.timestamp) revert NotYet(instant, block.timestamp);
    }
}
