"""The journal of a team: a log per service in S3, and a copy of it on each machine.

`bucket.py` is what S3 is asked, its faults in words (`faults.py`); `log.py` the log, one object per entry, numbered
without gaps, and `packs.py` a hundred of them in one; `copy.py` the tables of `journal/database.py`, filled from the
log; `archive.py` the `Archive` over the three, with a heartbeat that is an object of its own.
"""
