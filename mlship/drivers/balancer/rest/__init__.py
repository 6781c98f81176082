"""Any balancer with a REST API: the plan says how it is asked.

settings.py  what the plan says, as values
template.py  placeholders: JMESPath in texts
context.py   what they may look at: the split, the node, what was captured
request.py   a request out of its template
web.py       a request out, a reply in; a lost answer is told from one that was never asked
finding.py   weights and tokens out of replies: JMESPath, a header, a regular expression
node.py      one balancer: read, write, read back
writing.py   one request, or one for each model or server
probe.py     users' requests, counted by who answers: proof where nothing can be read back
doctor.py    what stands in the way of the next change
draft.py     the plan that `init` writes
"""

from mlship.drivers.balancer.rest.driver import RestDriver

__all__ = ["RestDriver"]
