"""Drivers that only some devices need, loaded when they are asked for."""

import importlib
from typing import Any

from gateway_agent.secure_element.signer import SignerUnusable


def load_driver(module: str, backend: str, also: str) -> Any:
    """The module of an optional driver. Raises SignerUnusable that says what to install; `also` names the system's part."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise SignerUnusable(
            f"signer.backend is {backend}, but {error.name} is not installed. Install it with"
            f" `pip install energy-community-backend[{backend}]`, and {also}."
        ) from None
    except Exception as error:
        raise SignerUnusable(
            f"The driver of signer.backend {backend} does not load ({error}); install {also}."
        ) from error
