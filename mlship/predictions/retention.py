"""What goes: answers that are too old, and the oldest ones where the file would outgrow its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlship.plan.model import CaptureSettings
from mlship.predictions.database import Database
from mlship.predictions.intake import HOT

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROOM = 0.8
"""Part of the limit that is left in use when the oldest answers go."""

_SIZE = "SELECT (total_blocks - free_blocks) * block_size FROM pragma_database_size() WHERE database_name = 'kept'"


def sweep(database: Database, settings: CaptureSettings, now: float) -> None:
    """Forget what is past its time, and the oldest answers where there are too many bytes of them."""
    with database.write() as connection:
        _forget(now - settings.keep, connection)
        connection.execute("DELETE FROM waiting WHERE seq <= (SELECT max(seq) FROM waiting) - ?", [2 * HOT])
        connection.execute("""
            CREATE OR REPLACE TEMP TABLE summed AS SELECT name, sum(n)::BIGINT AS n FROM counts GROUP BY name;
            DELETE FROM counts; INSERT INTO counts SELECT * FROM summed""")
    with database.opened() as connection:
        used = size(connection)
    if used <= settings.most:
        return
    with database.write() as connection:
        _shrink(ROOM * settings.most / used, connection)
    with database.opened() as connection:
        connection.execute("CHECKPOINT")


def size(connection: DuckDBPyConnection) -> int:
    """Bytes of the file that are in use."""
    (used,) = connection.execute(_SIZE).fetchone() or (0,)
    return int(used)


def _forget(before: float, connection: DuckDBPyConnection) -> None:
    for table in ("predictions", "waiting", "pairs"):
        connection.execute(f'DELETE FROM {table} WHERE "at" < ?', [before])  # noqa: S608 - constants
    for table in ("outcomes", "labels"):
        connection.execute(f"DELETE FROM {table} WHERE arrived < ?", [before])  # noqa: S608 - constants
    # A unit counts once however long its comparison takes, so all of them stay while new ones come.
    connection.execute("DELETE FROM units WHERE (SELECT max(place) FROM units) < ?", [before])


def _shrink(part: float, connection: DuckDBPyConnection) -> None:
    """Keep the latest `part` of each table's rows."""
    for table, order in (
        ("predictions", "seq"),
        ("pairs", "seq"),
        ("unbinned", "seq"),
        ("outcomes", "rowid"),
        ("labels", "rowid"),
        ("units", "rowid"),
    ):
        connection.execute(
            f"""DELETE FROM {table} WHERE {order} < (
                SELECT min({order}) + (max({order}) - min({order})) * (1 - ?::DOUBLE) FROM {table})""",  # noqa: S608
            [part],
        )
