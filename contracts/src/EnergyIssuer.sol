// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {EnergyShares} from "./EnergyShares.sol";
import {KwhToken} from "./KwhToken.sol";
import {Statement} from "./Statement.sol";

/// @title No token without evidence: mints exactly the production between two signed register values of a source.
/// @notice A meter register is cumulative, so one signed value proves all energy since the last settlement. Replays,
/// gaps and double mints fail by arithmetic.
/// @dev Invariant, for every source and epoch: minted / 10^15 = register - opening register - netted debt; hence
/// minted in total = 10^15 * sum over `Settled` of mintedWh, `fromWh` of a settlement equals `toWh` of the one before
/// (or `openingWh` of the configuration in between), and the parts of a mint add up to it to the last unit.
/// The sender can neither mint without the device's signature (mode DEVICE) nor divert a unit: device key, holders and
/// weights are committed by hash. What even a stolen device key can mint is bounded by nameplate power times time.
/// Where a community has share tokens (`shares`), a source that has some pays by them and by nothing else: no settlement
/// passes a boundary from which other shares count, and at the boundary anyone may commit the one table they show.
/// This contract is replaceable: new rules are a new issuer that gets the token's MINTER_ROLE.
contract EnergyIssuer is AccessControlDefaultAdminRules, Pausable {
    /// @notice Key of the device, and the shares: holder i gets weights[i] / sum(weights) of each settlement.
    struct Config {
        bytes32 keyX;
        bytes32 keyY;
        address[] holders;
        uint256[] weights;
    }

    /// @notice A signed statement and the proof of one reading in it. `s` must be the lower one of s and N - s.
    struct Evidence {
        bytes statement;
        bytes32 r;
        bytes32 s;
        bytes leaf;
        bytes32[] path;
        uint256 leafIndex;
    }

    /// @notice One entry of `settleMany`.
    struct Settlement {
        bytes32 sourceId;
        Evidence evidence;
        Config config;
    }

    /// @dev First slot: what a settlement reads and changes. Second: whose register it is. Third: the committed
    /// configuration.
    struct Source {
        uint64 registerWh;
        uint40 readAt;
        uint32 seq;
        uint32 maxWatt;
        uint64 debtWh;
        uint8 mode;
        bool active;
        bool follows;
        bytes8 deviceId;
        uint8 profile;
        uint8 channel;
        uint160 keyTag;
        bytes32 configHash;
    }

    /// @dev Of a source that follows share tokens: the instant whose shares are committed, and until when these may
    /// settle beyond the next change of shares because no reading exists there.
    struct Following {
        uint40 tableAt;
        uint40 bridgedTo;
    }

    /// @dev A reading accepted as evidence, or what follows from it.
    struct Outcome {
        uint64 fromWh;
        uint64 toWh;
        uint40 readAt;
        uint64 mintedWh;
        uint64 debtLeftWh;
        bytes32 evidence;
    }

    /// @notice May settle: the signer's account.
    bytes32 public constant SETTLER_ROLE = keccak256("SETTLER_ROLE");
    /// @notice May configure sources: devices, shares, capacity.
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");
    /// @notice May put a debt on a source.
    bytes32 public constant CORRECTOR_ROLE = keccak256("CORRECTOR_ROLE");
    /// @notice May pause all settlements. Only the admin ends a pause.
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    /// @notice Mode of a source whose statements' P-256 signatures are verified here.
    uint8 public constant DEVICE = 1;
    /// @notice Mode of a source whose evidence was verified off chain; its hash is recorded here.
    uint8 public constant ATTESTED = 2;

    /// @notice Token base units of one watt-hour.
    uint256 public constant UNITS_PER_WH = 10 ** 15;
    /// @notice Most holders of one source: a settlement must fit into a block.
    uint256 public constant HOLDERS_MAX = 500;
    /// @notice How far a reading may be ahead of the chain's clock, in seconds.
    uint256 public constant AHEAD_S_MAX = 300;
    uint256 private constant SLOT_S = 900;

    /// @notice The token minted here.
    KwhToken public immutable token;
    /// @notice The share tokens that sources follow; zero in a community without them.
    EnergyShares public immutable shares;

    mapping(bytes32 sourceId => Source) private _sources;
    mapping(bytes32 sourceId => Following) private _following;
    /// @dev A register of a device key belongs to one source for ever, so it cannot be minted twice.
    mapping(bytes32 register => bytes32 sourceId) private _owners;

    /// @notice `mintedWh` were minted for the register's way from `fromWh` to `toWh`, read at `readAt`.
    /// `evidence` is SHA-256 of the signed statement, or in mode ATTESTED of what was verified off chain.
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
    /// @notice From now on the source settles by this configuration, from `openingWh` at `readAt` on. `closingWh` is
    /// the register before; with the same key the difference is production given up, with a new key a new epoch.
    event SourceConfigured(
        bytes32 indexed sourceId,
        bytes32 configHash,
        bytes8 deviceId,
        uint8 profile,
        uint8 channel,
        uint32 maxWatt,
        uint8 mode,
        uint64 closingWh,
        uint64 openingWh,
        uint40 readAt
    );
    /// @notice `debtWh` more will be netted from the source's next settlements, because of `evidence`.
    event Corrected(bytes32 indexed sourceId, uint64 debtWh, bytes32 evidence);
    /// @notice The source may (not) settle.
    event SourceActive(bytes32 indexed sourceId, bool active);
    /// @notice No reading exists at `changeAt`, from which other shares count, as `evidence` shows: the energy up to
    /// the first reading not later than `until` goes by the shares before the change.
    event SharesBridged(bytes32 indexed sourceId, uint40 changeAt, uint40 until, bytes32 evidence);

    /// @notice No such source is configured.
    error UnknownSource(bytes32 sourceId);
    /// @notice The source is switched off.
    error InactiveSource(bytes32 sourceId);
    /// @notice The source settles in the other mode, or the mode does not exist.
    error WrongMode(uint8 mode);
    /// @notice Device key, holders or weights are not the committed ones.
    error WrongConfig(bytes32 committed, bytes32 given);
    /// @notice The device's signature over the statement does not verify, or its s is the higher one.
    error BadSignature();
    /// @notice The statement is of another device or profile than the source's.
    error WrongSource(bytes8 deviceId, uint64 profile);
    /// @notice The reading is not later, or its register lower, than the last settled one.
    error Stale(uint40 readAt, uint64 registerWh, uint40 lastReadAt, uint64 lastRegisterWh);
    /// @notice The reading is later than the chain's clock allows.
    error FromTheFuture(uint256 readAt, uint256 chainTime);
    /// @notice More energy than the nameplate power can produce in the time.
    error Implausible(uint64 energyWh, uint256 ceilingWh);
    /// @notice The key is not a point of P-256.
    error BadKey();
    /// @notice No profile has this register.
    error BadRegister(uint8 profile, uint8 channel);
    /// @notice A share has no holder or no weight, lists differ in length, or there are none or too many.
    error BadShares();
    /// @notice A source needs a nameplate power.
    error NoCapacity();
    /// @notice With the same key device, register and their order in time stay; a new device needs a new key.
    error SameKey(uint64 registerWh);
    /// @notice Shares change exactly where the last settlement ended: what was earned before belongs to the old ones.
    error SettleFirst(uint64 registerWh, uint40 readAt);
    /// @notice This register of this key already belongs or belonged to a source.
    error RegisterTaken(bytes32 sourceId);
    /// @notice A correction needs an amount.
    error NothingToCorrect();
    /// @notice The source's shares are tokens, and this is not the table that they show at the instant.
    error WrongShares(uint40 instant);
    /// @notice From `changeAt` on other shares count: settle up to it, then follow the shares.
    error SharesChanged(uint40 changeAt);
    /// @notice The source follows no share tokens.
    error NotFollowing(bytes32 sourceId);
    /// @notice No change of shares waits where this would follow or bridge it.
    error NothingToFollow(uint40 changeAt);
    /// @notice Following the shares changes no key.
    error WrongKey();

    /// @param token_ the token; its admin must grant MINTER_ROLE to this contract
    /// @param shares_ the share tokens that sources follow, or zero
    /// @param adminDelay seconds between the start of an admin transfer and its earliest acceptance
    /// @param admin the first admin; a multi-signature account in production
    constructor(KwhToken token_, EnergyShares shares_, uint48 adminDelay, address admin)
        AccessControlDefaultAdminRules(adminDelay, admin)
    {
        token = token_;
        shares = shares_;
    }

    // --- settling

    /// @notice Mints the production up to one reading of a signed statement and splits it over the holders.
    function settle(bytes32 sourceId, Evidence calldata evidence, Config calldata config)
        external
        onlyRole(SETTLER_ROLE)
        whenNotPaused
    {
        _apply(sourceId, DEVICE, _judge(sourceId, evidence, config), config);
    }

    /// @notice Settles several sources, all or none.
    function settleMany(Settlement[] calldata settlements) external onlyRole(SETTLER_ROLE) whenNotPaused {
        for (uint256 i = 0; i < settlements.length; ++i) {
            Settlement calldata one = settlements[i];
            _apply(one.sourceId, DEVICE, _judge(one.sourceId, one.evidence, one.config), one.config);
        }
    }

    /// @notice Settles a source whose evidence this contract cannot verify; `evidence` is the hash of it.
    function settleAttested(
        bytes32 sourceId,
        uint64 registerWh,
        uint40 readAt,
        bytes32 evidence,
        Config calldata config
    ) external onlyRole(SETTLER_ROLE) whenNotPaused {
        _settleable(sourceId, ATTESTED, config);
        _apply(sourceId, ATTESTED, _advance(sourceId, registerWh, readAt, evidence), config);
    }

    /// @notice What `settle` would do now, by anyone and for nothing; reverts as `settle` would.
    /// @return fromWh register at the last settlement
    /// @return toWh register of the reading
    /// @return readAt instant of the reading, seconds since 1970
    /// @return mintedWh what is minted, after netting the debt
    /// @return parts base units per holder, in the configuration's order
    function previewSettle(bytes32 sourceId, Evidence calldata evidence, Config calldata config)
        external
        view
        whenNotPaused
        returns (uint64 fromWh, uint64 toWh, uint40 readAt, uint64 mintedWh, uint256[] memory parts)
    {
        Outcome memory outcome = _judge(sourceId, evidence, config);
        parts = _split(outcome.mintedWh, config.weights);
        return (outcome.fromWh, outcome.toWh, outcome.readAt, outcome.mintedWh, parts);
    }

    /// @notice What `settleAttested` would do now; see `previewSettle`.
    function previewSettleAttested(
        bytes32 sourceId,
        uint64 registerWh,
        uint40 readAt,
        bytes32 evidence,
        Config calldata config
    )
        external
        view
        whenNotPaused
        returns (uint64 fromWh, uint64 toWh, uint40 readAt_, uint64 mintedWh, uint256[] memory parts)
    {
        _settleable(sourceId, ATTESTED, config);
        Outcome memory outcome = _advance(sourceId, registerWh, readAt, evidence);
        parts = _split(outcome.mintedWh, config.weights);
        return (outcome.fromWh, outcome.toWh, outcome.readAt, outcome.mintedWh, parts);
    }

    // --- administration

    /// @notice Registers a source, or changes its shares, capacity, device, register or mode.
    /// @dev With the same key, device and register stay, neither register value nor time may fall, and shares change
    /// only where the last settlement ended. A new key opens a new epoch (a new device or meter) whose register may
    /// start anywhere; a used key never comes back. Once a source has share tokens, only their table is accepted.
    /// @param channel position of the register in the profile: 1 = [1.8.0], 2 = [1.8.0, 2.8.0], 3 = [2.8.0]
    /// @param startRegisterWh register value from which production counts
    /// @param startReadAt instant of that value, seconds since 1970
    /// @param mode DEVICE or ATTESTED
    function configure(
        bytes32 sourceId,
        bytes8 deviceId,
        uint8 profile,
        uint8 channel,
        uint32 maxWatt,
        uint64 startRegisterWh,
        uint40 startReadAt,
        uint8 mode,
        Config calldata config
    ) external onlyRole(REGISTRAR_ROLE) {
        if (sourceId == 0) revert UnknownSource(sourceId); // zero means "nobody's" in _owners
        if (mode != DEVICE && mode != ATTESTED) revert WrongMode(mode);
        Source storage entry = _sources[sourceId];
        if (maxWatt == 0) revert NoCapacity();
        _checkShares(config);
        bytes32 given = keccak256(abi.encode(config));
        if (_claim(entry, sourceId, deviceId, _obis(profile, channel), startRegisterWh, config)) {
            bool elsewhere = startRegisterWh != entry.registerWh || startReadAt != entry.readAt;
            if (elsewhere && given != entry.configHash) revert SettleFirst(entry.registerWh, entry.readAt);
        }
        if (startReadAt < entry.readAt) revert Stale(startReadAt, startRegisterWh, entry.readAt, entry.registerWh);
        if (startReadAt > block.timestamp + AHEAD_S_MAX) revert FromTheFuture(startReadAt, block.timestamp);
        if (address(shares) != address(0) && shares.supplyOf(sourceId) != 0) {
            entry.follows = true;
            _commitShares(sourceId, config, startReadAt);
        }
        uint64 closingWh = entry.registerWh;
        if (entry.mode == 0) entry.active = true;
        (entry.registerWh, entry.readAt, entry.maxWatt, entry.mode) = (startRegisterWh, startReadAt, maxWatt, mode);
        (entry.deviceId, entry.profile, entry.channel) = (deviceId, profile, channel);
        entry.configHash = given;
        _emitConfigured(sourceId, closingWh);
    }

    /// @notice Commits the table that the share tokens show at the last settled reading. Anyone may, because there is
    /// only one; key, register and time stay. `SourceConfigured` tells it.
    function followShares(bytes32 sourceId, Config calldata config) external {
        Source storage entry = _known(sourceId);
        uint40 changeAt = _nextChange(sourceId);
        if (changeAt == 0 || changeAt > entry.readAt) revert NothingToFollow(changeAt);
        if (_keyTag(_key(config)) != entry.keyTag) revert WrongKey();
        _checkShares(config);
        _commitShares(sourceId, config, entry.readAt);
        entry.configHash = keccak256(abi.encode(config));
        _emitConfigured(sourceId, entry.registerWh);
    }

    /// @notice Lets the source settle beyond the next change of its shares up to `until`, because there is no reading
    /// at the change, as `evidence` shows. Only what is past can be missing.
    function bridgeShares(bytes32 sourceId, uint40 until, bytes32 evidence) external onlyRole(REGISTRAR_ROLE) {
        uint40 changeAt = _nextChange(sourceId);
        if (changeAt == 0 || changeAt >= until) revert NothingToFollow(changeAt);
        if (until > block.timestamp) revert FromTheFuture(until, block.timestamp);
        _following[sourceId].bridgedTo = until;
        emit SharesBridged(sourceId, changeAt, until, evidence);
    }

    /// @notice Puts `debtWh` on the source: too much was minted, as `evidence` shows. Nobody loses what he holds; the
    /// next settlements mint less.
    function correct(bytes32 sourceId, uint64 debtWh, bytes32 evidence) external onlyRole(CORRECTOR_ROLE) {
        Source storage entry = _known(sourceId);
        if (debtWh == 0) revert NothingToCorrect();
        entry.debtWh += debtWh;
        emit Corrected(sourceId, debtWh, evidence);
    }

    /// @notice Switches a source on or off. Off loses nothing: the register goes on counting.
    function setActive(bytes32 sourceId, bool active) external onlyRole(REGISTRAR_ROLE) {
        _known(sourceId).active = active;
        emit SourceActive(sourceId, active);
    }

    /// @notice Stops all settlements. Tokens stay transferable.
    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    /// @notice Lets settlements go on.
    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }

    // --- reading

    /// @notice State of a source; all zero if it is unknown.
    function source(bytes32 sourceId)
        external
        view
        returns (
            uint64 registerWh,
            uint40 readAt,
            uint32 seq,
            uint32 maxWatt,
            uint64 debtWh,
            uint8 mode,
            bool active
        )
    {
        Source storage entry = _sources[sourceId];
        return (entry.registerWh, entry.readAt, entry.seq, entry.maxWatt, entry.debtWh, entry.mode, entry.active);
    }

    /// @notice Whether the source follows share tokens, the instant whose shares are committed, and until when these
    /// may settle beyond the next change.
    function following(bytes32 sourceId) external view returns (bool follows, uint40 tableAt, uint40 bridgedTo) {
        Following storage entry = _following[sourceId];
        return (_sources[sourceId].follows, entry.tableAt, entry.bridgedTo);
    }

    /// @notice Device and register of a source; `keyTag` are the lower 160 bits of keccak256(keyX, keyY).
    function device(bytes32 sourceId)
        external
        view
        returns (bytes8 deviceId, uint8 profile, uint8 channel, uint160 keyTag)
    {
        Source storage entry = _sources[sourceId];
        return (entry.deviceId, entry.profile, entry.channel, entry.keyTag);
    }

    /// @notice keccak256(abi.encode(config)) of the committed configuration, zero if the source is unknown.
    function configHash(bytes32 sourceId) external view returns (bytes32) {
        return _sources[sourceId].configHash;
    }

    // --- inside

    /// The evidence of a DEVICE source, judged: nothing is believed that the device has not signed.
    function _judge(bytes32 sourceId, Evidence calldata evidence, Config calldata config)
        private
        view
        returns (Outcome memory)
    {
        Source storage entry = _settleable(sourceId, DEVICE, config);
        bytes32 digest = sha256(evidence.statement);
        if (!P256.verify(digest, evidence.r, evidence.s, config.keyX, config.keyY)) revert BadSignature();
        Statement.Facts memory facts = Statement.parse(evidence.statement);
        if (facts.deviceId != entry.deviceId || facts.profile != entry.profile) {
            revert WrongSource(facts.deviceId, facts.profile);
        }
        (uint32 slot, uint64 registerWh) = Statement.reading(
            facts, evidence.leaf, evidence.path, evidence.leafIndex, entry.channel, _channels(entry.profile)
        );
        return _advance(sourceId, registerWh, slot * SLOT_S, digest);
    }

    /// The way of the register from the last settlement to here, if it is later, not lower, not of the future and
    /// within what the plant can produce.
    function _advance(bytes32 sourceId, uint64 registerWh, uint256 instant, bytes32 evidence)
        private
        view
        returns (Outcome memory)
    {
        Source storage entry = _sources[sourceId];
        (uint64 fromWh, uint40 lastReadAt, uint64 debtWh) = (entry.registerWh, entry.readAt, entry.debtWh);
        // First, because a slot can name an instant beyond 40 bits.
        // Shares of an instant are known when it has come.
        uint256 latest = entry.follows ? block.timestamp : block.timestamp + AHEAD_S_MAX;
        if (instant > latest) revert FromTheFuture(instant, block.timestamp);
        uint40 readAt = uint40(instant);
        if (readAt <= lastReadAt || registerWh < fromWh) revert Stale(readAt, registerWh, lastReadAt, fromWh);
        uint64 energyWh = registerWh - fromWh;
        uint256 ceilingWh = uint256(entry.maxWatt) * (readAt - lastReadAt) / 3600 + 1;
        if (energyWh > ceilingWh) revert Implausible(energyWh, ceilingWh);
        if (entry.follows) _mustNotPassAChange(sourceId, readAt);
        uint64 nettedWh = energyWh < debtWh ? energyWh : debtWh;
        return Outcome(fromWh, registerWh, readAt, energyWh - nettedWh, debtWh - nettedWh, evidence);
    }

    /// Writes the state, tells, mints. The token calls nobody, and the state is written before it is called.
    function _apply(bytes32 sourceId, uint8 mode, Outcome memory outcome, Config calldata config) private {
        Source storage entry = _sources[sourceId];
        uint32 seq = entry.seq + 1;
        (entry.registerWh, entry.readAt, entry.seq) = (outcome.toWh, outcome.readAt, seq);
        entry.debtWh = outcome.debtLeftWh;
        emit Settled(
            sourceId, seq, outcome.fromWh, outcome.toWh, outcome.readAt, outcome.mintedWh, mode, outcome.evidence
        );
        uint256[] memory parts = _split(outcome.mintedWh, config.weights);
        for (uint256 i = 0; i < parts.length; ++i) {
            if (parts[i] != 0) token.mint(config.holders[i], parts[i]);
        }
    }

    /// Each holder's part, rounded down; the last holder takes the remainder, so that the sum is exact.
    /// 2^64 * 10^15 * weight cannot overflow, see `_checkShares`.
    function _split(uint64 mintedWh, uint256[] calldata weights) private pure returns (uint256[] memory parts) {
        uint256 whole = mintedWh * UNITS_PER_WH;
        uint256 left = whole;
        uint256 sum = 0;
        for (uint256 i = 0; i < weights.length; ++i) {
            sum += weights[i];
        }
        parts = new uint256[](weights.length);
        uint256 last = weights.length - 1;
        for (uint256 i = 0; i < last; ++i) {
            parts[i] = whole * weights[i] / sum;
            left -= parts[i];
        }
        parts[last] = left;
    }

    function _known(bytes32 sourceId) private view returns (Source storage entry) {
        entry = _sources[sourceId];
        if (entry.mode == 0) revert UnknownSource(sourceId);
    }

    function _settleable(bytes32 sourceId, uint8 mode, Config calldata config)
        private
        view
        returns (Source storage entry)
    {
        entry = _known(sourceId);
        if (!entry.active) revert InactiveSource(sourceId);
        if (entry.mode != mode) revert WrongMode(entry.mode);
        bytes32 given = keccak256(abi.encode(config));
        if (given != entry.configHash) revert WrongConfig(entry.configHash, given);
    }

    /// Weights below 2^64 keep every product of a split below 2^178.
    function _checkShares(Config calldata config) private pure {
        uint256 count = config.holders.length;
        if (count == 0 || count > HOLDERS_MAX || count != config.weights.length) revert BadShares();
        for (uint256 i = 0; i < count; ++i) {
            if (config.holders[i] == address(0)) revert BadShares();
            if (config.weights[i] == 0 || config.weights[i] > type(uint64).max) revert BadShares();
        }
    }

    /// Decides between the same epoch (true) and a new one, and binds the register of a new key to this source.
    function _claim(
        Source storage entry,
        bytes32 sourceId,
        bytes8 deviceId,
        uint8 obis,
        uint64 startRegisterWh,
        Config calldata config
    ) private returns (bool same) {
        if (!P256.isValidPublicKey(config.keyX, config.keyY)) revert BadKey();
        bytes32 key = _key(config);
        if (entry.mode != 0 && entry.keyTag == _keyTag(key)) {
            bool moved = deviceId != entry.deviceId || obis != _obis(entry.profile, entry.channel);
            if (moved || startRegisterWh < entry.registerWh) {
                revert SameKey(entry.registerWh);
            }
            return true;
        }
        bytes32 register = keccak256(abi.encode(key, deviceId, obis));
        if (_owners[register] != 0) revert RegisterTaken(_owners[register]);
        _owners[register] = sourceId;
        entry.keyTag = _keyTag(key);
    }

    function _key(Config calldata config) private pure returns (bytes32) {
        return keccak256(abi.encode(config.keyX, config.keyY));
    }

    function _keyTag(bytes32 key) private pure returns (uint160) {
        return uint160(uint256(key));
    }

    /// The first boundary after the committed shares' instant from which other ones count; zero if there is none.
    function _nextChange(bytes32 sourceId) private view returns (uint40) {
        if (!_sources[sourceId].follows) revert NotFollowing(sourceId);
        return uint40(shares.nextChange(sourceId, _following[sourceId].tableAt));
    }

    /// Energy up to a change of shares goes by the old ones, energy after it by the new ones.
    function _mustNotPassAChange(bytes32 sourceId, uint40 readAt) private view {
        uint40 changeAt = _nextChange(sourceId);
        if (changeAt != 0 && readAt > changeAt && readAt > _following[sourceId].bridgedTo) {
            revert SharesChanged(changeAt);
        }
    }

    function _commitShares(bytes32 sourceId, Config calldata config, uint40 instant) private {
        if (!shares.isTable(sourceId, config.holders, config.weights, instant)) revert WrongShares(instant);
        // A bridge was for the change before this table; the next one needs its own.
        _following[sourceId] = Following(instant, 0);
    }

    function _emitConfigured(bytes32 sourceId, uint64 closingWh) private {
        Source storage entry = _sources[sourceId];
        emit SourceConfigured(
            sourceId,
            entry.configHash,
            entry.deviceId,
            entry.profile,
            entry.channel,
            entry.maxWatt,
            entry.mode,
            closingWh,
            entry.registerWh,
            entry.readAt
        );
    }

    /// The profiles of docs/wire-format.md 2: 1 = [1.8.0], 2 = [1.8.0, 2.8.0], 3 = [2.8.0].
    function _channels(uint8 profile) private pure returns (uint256) {
        return profile == 2 ? 2 : 1;
    }

    /// First number of the OBIS code x.8.0 at `channel` of `profile`.
    function _obis(uint8 profile, uint8 channel) private pure returns (uint8) {
        if (profile == 0 || profile > 3 || channel >= _channels(profile)) revert BadRegister(profile, channel);
        return profile == 3 || channel == 1 ? 2 : 1;
    }
}
