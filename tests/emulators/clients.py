"""Real boto3 clients of an emulator, and the shortest way to an endpoint."""

from __future__ import annotations

from functools import cache
from typing import Any

TYPE = "ml.m5.large"
ROLE = "arn:aws:iam::123456789012:role/sagemaker-execution"
DAY = 86_400.0


@cache
def _session() -> Any:
    import boto3

    return boto3.Session()


class Clients:
    """A client for each service, with one attempt per call unless told otherwise."""

    def __init__(self, url: str, *, region: str = "us-east-1", attempts: int = 1, token: str | None = None) -> None:
        self._url = url
        self._token = token
        self._region = region
        self._attempts = attempts
        self._made: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        """The client of a service by its botocore name."""
        if service not in self._made:
            from botocore.config import Config

            retries = {"mode": "standard", "total_max_attempts": self._attempts}
            config = Config(retries=retries, s3={"addressing_style": "path"}, read_timeout=20, region_name=self._region)
            self._made[service] = _session().client(service, endpoint_url=self._url, config=config, **self._caller())
        return self._made[service]

    def _caller(self) -> dict[str, str]:
        found = {"aws_access_key_id": "AKIAEMULATED", "aws_secret_access_key": "emulated"}
        return found if self._token is None else found | {"aws_session_token": self._token}

    @property
    def sagemaker(self) -> Any:
        """SageMaker."""
        return self("sagemaker")

    def model(self, name: str, image: str = "none") -> None:
        """CreateModel."""
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": image})

    def config(self, name: str, *variants: dict[str, Any], **more: Any) -> None:
        """CreateEndpointConfig."""
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants), **more)

    def endpoint(self, name: str, config: str) -> None:
        """CreateEndpoint."""
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)

    def describe(self, name: str) -> dict[str, Any]:
        """DescribeEndpoint."""
        found: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
        return found

    def update(self, name: str, config: str, **more: Any) -> None:
        """UpdateEndpoint."""
        self.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, **more)

    def weights(self, name: str, **weights: float) -> None:
        """UpdateEndpointWeightsAndCapacities, weights only."""
        wanted = [{"VariantName": variant, "DesiredWeight": weight} for variant, weight in weights.items()]
        self.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=wanted)

    def invoke(self, name: str, body: bytes = b"{}", **more: Any) -> dict[str, Any]:
        """InvokeEndpoint."""
        runtime = self("sagemaker-runtime")
        found: dict[str, Any] = runtime.invoke_endpoint(
            EndpointName=name, Body=body, ContentType="application/json", **more
        )
        return found

    def metric(self, now: float, metric: str, stat: str = "Sum", **dimensions: str) -> list[float]:
        """GetMetricData of a day until now, in minutes, oldest first."""
        dims = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        what = {"Namespace": "AWS/SageMaker", "MetricName": metric, "Dimensions": dims}
        query = {"Id": "m", "MetricStat": {"Metric": what, "Period": 60, "Stat": stat}}
        found = self("cloudwatch").get_metric_data(
            StartTime=now - DAY, EndTime=now + 1, MetricDataQueries=[query], ScanBy="TimestampAscending"
        )
        values: list[float] = found["MetricDataResults"][0]["Values"]
        return values


def variant(name: str, model: str, weight: float = 1.0, count: int = 2) -> dict[str, Any]:
    """A ProductionVariant."""
    sizes = {"InitialInstanceCount": count, "InstanceType": TYPE}
    return {"VariantName": name, "ModelName": model, "InitialVariantWeight": weight, **sizes}
