"""Ground truth in the form of SageMaker's monitor."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tests.support.sagemaker_site import SagemakerSite

BUCKET = "captured"


def tell(site: SagemakerSite, name: str, ids: Iterable[str], data: str) -> None:
    """What turned out for these requests, as an object of this name."""
    lines = [
        {
            "groundTruthData": {"data": data, "encoding": "CSV"},
            "eventMetadata": {"eventId": f"nobody-knows-{each}", "inferenceId": each},
            "eventVersion": "0",
        }
        for each in ids
    ]
    body = "".join(json.dumps(each) + "\n" for each in lines).encode()
    site.clients("s3").put_object(Bucket=BUCKET, Key=f"truth/{name}", Body=body)
