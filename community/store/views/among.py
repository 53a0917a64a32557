"""Conditions over many keys as one parameter: a list of as many parameters is parsed and planned anew at every length."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, String, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from community.store.unit_of_work import Work


def among(work: Work, column: Any, keys: Sequence[str]) -> ColumnElement[bool]:
    """That `column` is one of `keys`."""
    found: ColumnElement[bool]
    if work.is_sqlite:
        found = column.in_(select(func.json_each(json.dumps(list(keys))).table_valued("value").c.value))
    else:
        found = column == any_(bindparam(None, list(keys), type_=ARRAY(String)))
    return found
