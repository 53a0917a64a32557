// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {KwhToken} from "../src/KwhToken.sol";
import {Fixture} from "./Fixture.sol";

contract KwhTokenTest is Fixture {
    address private constant MEMBER = address(0xa11ce);

    function setUp() public {
        setUpLedger();
        token.grantRole(token.MINTER_ROLE(), address(this));
        token.mint(MEMBER, 5 * WH);
    }

    function test_names() public view {
        equal(token.decimals(), 18);
        equal(uint256(keccak256(bytes(token.name()))), uint256(keccak256("Kilowatt-hour")));
        equal(uint256(keccak256(bytes(token.symbol()))), uint256(keccak256("KWH")));
    }

    function testFuzz_onlyTheMinterMints(address caller) public {
        vm.assume(caller != address(this) && caller != address(issuer));
        vm.prank(caller);
        vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
        token.mint(caller, 1);
    }

    function testFuzz_theOwnerRetiresWhatHeHoldsAndNoMore(uint256 amount) public {
        amount %= 10 * WH;
        vm.prank(MEMBER);
        if (amount > 5 * WH) {
            vm.expectPartialRevert(IERC20Errors.ERC20InsufficientBalance.selector);
            token.retire(amount, "heating");
            amount = 0;
        } else {
            token.retire(amount, "heating");
        }
        equal(token.totalSupply(), 5 * WH - amount);
        equal(token.balanceOf(MEMBER), 5 * WH - amount);
    }

    function test_everyRetirementIsAClaim() public {
        vm.expectEmit(true, true, true, true, address(token));
        emit KwhToken.Retired(MEMBER, 3, "evening of 27 November");
        vm.prank(MEMBER);
        token.retire(3, "evening of 27 November");
        vm.expectEmit(true, true, true, true, address(token));
        emit KwhToken.Retired(MEMBER, 2, "");
        vm.prank(MEMBER);
        token.burn(2);
        equal(token.balanceOf(MEMBER), 5 * WH - 5);
    }

    function test_aPermitAllowsOnceAndOnlyWhatWasSigned() public {
        uint256 key = 0xbeef;
        address owner = vm.addr(key);
        token.mint(owner, 9);
        bytes32 message = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                owner,
                MEMBER,
                uint256(7),
                uint256(0),
                block.timestamp
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), message)));
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        token.permit(owner, MEMBER, 8, block.timestamp, v, r, s);
        token.permit(owner, MEMBER, 7, block.timestamp, v, r, s);
        equal(token.allowance(owner, MEMBER), 7);
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        token.permit(owner, MEMBER, 7, block.timestamp, v, r, s);
        vm.prank(MEMBER);
        token.transferFrom(owner, MEMBER, 7);
        equal(token.balanceOf(owner), 2);
    }
}
