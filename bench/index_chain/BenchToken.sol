// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title An ERC-20 token whose transfers are drawn from a seed, many in one transaction: what the indexing bench reads.
/// @dev Invariant: the balances of the accounts add up to totalSupply. Anybody may move anything: it never leaves a bench.
contract BenchToken {
    event Transfer(address indexed from, address indexed to, uint256 value);

    uint256 public constant ACCOUNTS = 1000;

    mapping(address => uint256) public balanceOf;
    uint256 public totalSupply;

    /// @notice Mint `amount` to each of the accounts `first` to `first + count - 1`.
    function mint(uint256 first, uint256 count, uint256 amount) external {
        for (uint256 i = first; i < first + count; ++i) {
            address to = account(i);
            balanceOf[to] += amount;
            emit Transfer(address(0), to, amount);
        }
        totalSupply += count * amount;
    }

    /// @notice Make `count` transfers between accounts, sizes and ends drawn from `seed`.
    function scatter(uint256 seed, uint256 count) external {
        for (uint256 i = 0; i < count; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            address from = account(draw % ACCOUNTS);
            address to = account((draw >> 64) % ACCOUNTS);
            uint256 value = (draw >> 128) % (balanceOf[from] / 2 + 1);
            balanceOf[from] -= value;
            balanceOf[to] += value;
            emit Transfer(from, to, value);
        }
    }

    function account(uint256 number) public pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode("account", number)))));
    }
}
