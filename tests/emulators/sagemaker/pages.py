"""GetMetricData's answers in pages.

Documented: a page has 100 800 datapoints at most, NextToken leads to the next one, and a result that goes on there is
PartialData. Our reading: a result that begins on a later page is absent before it.
"""

from __future__ import annotations

from typing import Any

from tests.emulators.sagemaker.errors import ApiError

Answer = dict[str, Any]


def paged(results: list[Answer], token: str, room: int) -> Answer:
    """The page behind `token` (empty: the first), of results that are whole, with `room` for so many datapoints."""
    place, offset = _begin(token)
    page: list[Answer] = []
    while place < len(results) and room > 0:
        result, end = results[place], offset + room
        whole = end >= len(result["Values"])
        part = {key: result[key][offset:end] for key in ("Timestamps", "Values")}
        page.append(result | part | {"StatusCode": "Complete" if whole else "PartialData"})
        room -= len(part["Values"])
        place, offset = (place + 1, 0) if whole else (place, end)
    more = {"NextToken": f"{place}:{offset}"} if place < len(results) else {}
    return {"MetricDataResults": page, "Messages": [], **more}


def troubled(answer: Answer, trouble: str) -> Answer:
    """The answer, and that it is not whole."""
    if trouble == "message":
        said = {"Code": "MaxMetricsExceeded", "Value": "Maximum number of allowed metrics exceeded"}
        return answer | {"Messages": [said]}
    return answer | {"MetricDataResults": [each | {"StatusCode": trouble} for each in answer["MetricDataResults"]]}


def _begin(token: str) -> tuple[int, int]:
    place, _, offset = (token or "0:0").partition(":")
    if not (place.isdigit() and offset.isdigit()):
        raise ApiError("InvalidNextToken", "The next token specified is invalid.")
    return int(place), int(offset)
