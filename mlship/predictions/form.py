"""Which forms a file of outcomes may have: apart from their readers, for whoever only names them."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """Of a file of outcomes."""

    AUTO = "auto"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    SAGEMAKER = "sagemaker"
