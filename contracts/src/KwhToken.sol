// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";

/// @title One token is one kilowatt-hour of measured production.
/// @notice ERC-20 with 18 decimals, so 10^15 base units are one watt-hour, and ERC-2612 permit.
/// @dev Invariant: supply = minted - retired. Only a holder of MINTER_ROLE mints (the issuer contract), and only the
/// owner destroys his own tokens. There is no pause, no claw-back and no proxy: the token outlives faults of the
/// issuer, which the admin replaces by granting MINTER_ROLE to another one.
contract KwhToken is ERC20, ERC20Permit, AccessControlDefaultAdminRules {
    /// @notice The role that may mint. The admin gives it to the issuer contract and to nobody else.
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");

    /// @notice `holder` destroyed `amount` base units for ever, to claim the energy for `reason`.
    event Retired(address indexed holder, uint256 amount, string reason);

    /// @param adminDelay seconds between the start of an admin transfer and its earliest acceptance
    /// @param admin the first admin; a multi-signature account in production
    constructor(uint48 adminDelay, address admin)
        ERC20("Kilowatt-hour", "KWH")
        ERC20Permit("Kilowatt-hour")
        AccessControlDefaultAdminRules(adminDelay, admin)
    {}

    /// @notice Creates `amount` base units for `to`.
    function mint(address to, uint256 amount) external onlyRole(MINTER_ROLE) {
        _mint(to, amount);
    }

    /// @notice Retires the caller's `amount` base units without a stated reason.
    function burn(uint256 amount) external {
        _burn(msg.sender, amount);
        emit Retired(msg.sender, amount, "");
    }

    /// @notice Retires the caller's `amount` base units; `reason` names the claim (who used which energy, when).
    function retire(uint256 amount, string calldata reason) external {
        _burn(msg.sender, amount);
        emit Retired(msg.sender, amount, reason);
    }
}
