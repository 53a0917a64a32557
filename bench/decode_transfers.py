"""Decoding Transfer logs as JSON-RPC answers them, beside web3's ``process_log``."""

from typing import Any

from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3 import Web3
from web3.types import LogReceipt

from bench.measuring import Baseline, Figure, compare
from contracts.artifacts import load
from contracts.logs import TOPIC_TRANSFER, decode_transfer

NAME = "decode_transfers"
LOGS = 100
GATE = 10.0
TOKEN = "0x" + "11" * 20


def _address(number: int) -> str:
    return "0x" + keccak(number.to_bytes(4, "big"))[-20:].hex()


def _topics(number: int) -> list[str]:
    return [TOPIC_TRANSFER, *("0x" + "00" * 12 + _address(each)[2:] for each in (number, number + 1))]


def _receipt(topics: list[str], data: str, index: int) -> LogReceipt:
    """The log in the form that web3 takes: bytes, as its provider would have made them."""
    raw: Any = {
        "address": Web3.to_checksum_address(TOKEN),
        "blockHash": HexBytes(bytes(32)),
        "blockNumber": 1,
        "data": HexBytes(data),
        "logIndex": index,
        "removed": False,
        "topics": [HexBytes(topic) for topic in topics],
        "transactionHash": HexBytes(bytes(32)),
        "transactionIndex": 0,
    }
    receipt: LogReceipt = raw
    return receipt


def run() -> list[Figure]:
    logs = [(_topics(number), "0x" + (10**15 * (number + 1)).to_bytes(32, "big").hex()) for number in range(LOGS)]
    receipts = [_receipt(topics, data, index) for index, (topics, data) in enumerate(logs)]
    event = Web3().eth.contract(abi=list(load("KwhToken").abi)).events["Transfer"]()

    def ours() -> list[int]:
        return [decode_transfer(topics, data).amount for topics, data in logs]

    def baseline() -> list[int]:
        return [event.process_log(receipt)["args"]["value"] for receipt in receipts]

    if ours() != baseline():
        raise AssertionError("the two decoders disagree: no figure about them means anything")
    return [compare(NAME, "logs/s", ours, Baseline("web3 process_log", baseline), units=LOGS, gate=GATE)]
