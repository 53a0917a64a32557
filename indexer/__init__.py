"""Follows the chain block by block, keeps transfers, balances and supply, and reconciles both sides."""
