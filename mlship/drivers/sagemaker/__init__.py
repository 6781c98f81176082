"""Models as variants of one SageMaker endpoint.

aws.py       one session, its clients made at first use; what goes wrong there as our own errors
messages.py  what AWS means by a ValidationException
names.py     how everything of a service is called in the account
settings.py  what a plan says of the driver
models.py    SageMaker Models, named by their content
configs.py   endpoint configurations, which are values: made, adopted, never changed
layout.py    what an endpoint holds, and what it is to hold next (pure)
endpoint.py  its states: what is under way, how it ended, and whether that was what was asked for
acts.py      which call comes next
requests.py  these calls, each with what it is to come to
changes.py   one change of the endpoint: begun, waited for, confirmed
ledger.py    what mlship has set last
recorded.py  the same, where another machine has set it
reading.py   which routing that is
glance.py    a description that is fresh enough to look at
said.py      what is said where somebody else has changed the endpoint
counters.py  what CloudWatch counts
guardrails.py, shift.py, follow.py  traffic that SageMaker moves by itself
autoscaling.py  off where AWS asks for that, and on again
permissions.py, quotas.py, doctor.py  what the account allows
collect.py   configurations and models that nobody needs any more
driver.py    the five verbs
"""

from mlship.drivers.sagemaker.driver import SagemakerDriver

__all__ = ["SagemakerDriver"]
