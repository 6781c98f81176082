"""Numbers of a service that answers with JSON."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from mlship.errors import Exit, MlshipError, OutOfReach, UsageError
from mlship.metrics.base import Source, Totals
from mlship.metrics.http import HttpSource
from mlship.metrics.registry import sourced
from tests.metrics.service import Reply, Service, serving
from tests.ports import free_port

SECRET = "s3cr3t-t0ken"


def source(url: str, *, timeout: float = 5.0, retries: int = 2) -> Source:
    """Asks for all that there is."""
    spec = HttpSource(url=url, value="rate", count="n", sum="sold", timeout=timeout, retries=retries)
    return sourced(spec, {"TOKEN": SECRET})


def body(**numbers: object) -> bytes:
    return json.dumps(numbers).encode()


def told(error: MlshipError) -> str:
    return error.message + error.hint


def test_the_numbers_are_where_the_expressions_say(service: Service) -> None:
    """Count, sum and squares of one answer, read by JMESPath."""
    service.say(b'{"arms": [{"name": "v1"}, {"name": "v2", "n": 200, "sold": 31.5, "sq": 400.25}]}')
    arm = "arms[?name=='v2'] | [0]."
    spec = HttpSource(url=service.url, count=f"{arm}n", sum=f"{arm}sold", square=f"{arm}sq", value=f"{arm}sold")

    assert sourced(spec).totals("v2", 0, 60) == Totals(count=200, sum=31.5, square=400.25)
    assert sourced(spec).value("v2", 0, 60) == 31.5


def test_the_question_names_model_and_interval(service: Service) -> None:
    """Placeholders become percent-encoded words and whole seconds inside the interval."""
    service.say(body(rate=0.5))

    source(service.url + "/kpi/${model}?from=${since}&to=${until}").value("a b/c?", 1000.2, 1060.9)

    assert service.questions[0].path == "/kpi/a%20b%2Fc%3F?from=1001&to=1060"


def test_an_interval_of_no_whole_second_is_empty(service: Service) -> None:
    """An end before the beginning is never asked for."""
    service.say(body(rate=0.5))

    source(service.url + "?from=${since}&to=${until}").value("v2", 1000.2, 1000.4)

    assert service.questions[0].parameters == {"from": "1001", "to": "1001"}


def test_headers_carry_secrets(service: Service) -> None:
    """A header's variable is filled in when the question is asked."""
    service.say(body(rate=0.5))
    spec = HttpSource(url=service.url, value="rate", headers={"Authorization": "Bearer ${env:TOKEN}"})
    env = {"TOKEN": "first"}
    asked = sourced(spec, env)

    asked.value("v2", 0, 60)
    env["TOKEN"] = "second"
    asked.value("v2", 0, 60)

    assert [each.headers["Authorization"] for each in service.questions] == ["Bearer first", "Bearer second"]


def test_user_and_password_become_a_login(service: Service) -> None:
    """An address with a login sends it as Basic authorization, whatever characters it holds."""
    service.say(body(rate=0.5))
    url = service.url.replace("http://", "http://ada:${env:PW}@")

    sourced(HttpSource(url=url, value="rate"), {"PW": "p:ä/@"}).value("v2", 0, 60)

    assert service.questions[0].headers["Authorization"] == "Basic " + b64encode("ada:p:ä/@".encode()).decode()


@pytest.mark.parametrize("reply", [Reply(status=204), Reply(body=b"null"), Reply(body=b"{}"), Reply(body=b"[]")])
def test_nothing_is_no_data(service: Service, reply: Reply) -> None:
    """204, null and an expression that finds nothing are no data, and not zero."""
    service.say(reply)

    assert source(service.url).value("v2", 0, 60) is None
    assert source(service.url).totals("v2", 0, 60) is None


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_a_passing_failure_is_tried_again(service: Service, status: int) -> None:
    """A server that fails once does not cost a look."""
    service.say(Reply(status=status), body(rate=0.5))

    assert source(service.url).value("v2", 0, 60) == 0.5
    assert len(service.questions) == 2


def test_a_lasting_failure_is_out_of_reach(service: Service) -> None:
    """After the last try the error says what the server said."""
    service.say(Reply(status=500, body=b"disk full\nat line 3"))

    with pytest.raises(OutOfReach) as caught:
        source(service.url, retries=1).value("v2", 0, 60)

    assert len(service.questions) == 2
    assert caught.value.exit_code is Exit.OUT_OF_REACH
    assert (caught.value.message, caught.value.hint) == (f"{service.url} answers 500", "disk full")


def test_a_body_that_ends_early_is_asked_for_again(service: Service) -> None:
    """Half an answer is none."""
    service.say(Reply(body=body(rate=0.25), cut=True), body(rate=0.5))

    assert source(service.url).value("v2", 0, 60) == 0.5


def test_nobody_there_is_out_of_reach() -> None:
    """A refused connection."""
    url = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(OutOfReach, match=r"does not answer: .*refused"):
        source(url, retries=1).value("v2", 0, 60)


@pytest.mark.parametrize("reply", [Reply(silent=True), Reply(trickling=True)], ids=["silent", "trickling"])
def test_a_slow_server_is_given_up(service: Service, reply: Reply) -> None:
    """Neither silence nor a byte now and then holds a look up."""
    service.say(reply)

    with pytest.raises(OutOfReach, match="not in time"):
        source(service.url, timeout=0.3).value("v2", 0, 60)


def test_a_huge_answer_is_not_read(service: Service) -> None:
    """More than a megabyte is no number."""
    service.say(b" " * 2_000_000)

    with pytest.raises(OutOfReach, match="more than 1,000,000 bytes"):
        source(service.url).value("v2", 0, 60)
    assert len(service.questions) == 1


@pytest.mark.parametrize("garbage", [b"", b"<html>login</html>", b'{"rate": NaN}', b"\xff\xfe", b"[" * 100_000])
def test_garbage_is_out_of_reach(service: Service, garbage: bytes) -> None:
    """What is not JSON says nothing of the model."""
    service.say(garbage)

    with pytest.raises(OutOfReach, match="does not answer with JSON"):
        source(service.url).value("v2", 0, 60)


def test_a_text_is_no_number(service: Service) -> None:
    """The plan has to convert it."""
    service.say(body(rate="0.5"))

    with pytest.raises(UsageError, match="value is no number but a text"):
        source(service.url).value("v2", 0, 60)

    spec = HttpSource(url=service.url, value="to_number(rate)")
    assert sourced(spec).value("v2", 0, 60) == 0.5


@pytest.mark.parametrize("expression", ["rate[", "length(rate)", "nope(rate)"])
def test_a_wrong_expression_is_a_mistake_of_the_plan(service: Service, expression: str) -> None:
    """Syntax, a function that does not fit, one that does not exist: the hint tells which expression it is."""
    service.say(body(rate=0.5))

    with pytest.raises(UsageError) as caught:
        sourced(HttpSource(url=service.url, value=expression)).value("v2", 0, 60)

    assert expression in told(caught.value)


def test_what_is_not_in_the_plan_cannot_be_asked(service: Service) -> None:
    """A source for a limit has no totals, and says what is missing."""
    service.say(body(rate=0.5))

    with pytest.raises(UsageError, match="count is not in the plan"):
        sourced(HttpSource(url=service.url, value="rate")).totals("v2", 0, 60)


def test_a_login_that_fails_is_out_of_reach(service: Service) -> None:
    """A token that expires during a rollout blinds a gate; it is not tried again, and the message shows no token."""
    service.say(Reply(status=401, body=f"bad token {SECRET}".encode()))
    asked = sourced(HttpSource(url=service.url, value="rate", headers={"X-Key": "${env:TOKEN}"}), {"TOKEN": SECRET})

    with pytest.raises(OutOfReach, match="answers 401") as caught:
        asked.value("v2", 0, 60)
    with pytest.raises(OutOfReach, match="answers 401"):
        asked.ping()

    assert SECRET not in told(caught.value)
    assert len(service.questions) == 2


@pytest.mark.parametrize("status", [404, 500])
def test_no_message_holds_a_secret(service: Service, status: int) -> None:
    """A server that repeats header, login and address does not get them printed."""
    url = service.url.replace("http://", "http://ada:pass-w0rd@") + "/x?key=k3y-in-plan&t=${env:TOKEN}"
    login = b64encode(b"ada:pass-w0rd").decode()
    secrets = [SECRET, "pass-w0rd", "k3y-in-plan", "l1teral", login, "b3arer", "s1gned"]
    service.say(Reply(status=status, body=" ".join(secrets).encode()))
    spec = HttpSource(
        url=url,
        value="rate",
        retries=0,
        headers={"Authorization": "Bearer b3arer", "X-Key": "l1teral", "X-Sig": "a=${env:SIG}"},
    )

    with pytest.raises(OutOfReach) as caught:
        sourced(spec, {"TOKEN": SECRET, "SIG": "s1gned"}).value("v2", 0, 60)

    assert caught.value.hint == "*** *** *** *** *** *** ***"
    assert not [secret for secret in secrets if secret in told(caught.value)]


def test_a_header_that_cannot_be_sent_is_not_shown(service: Service) -> None:
    """A token with a line end in it is refused without a word of it."""
    spec = HttpSource(url=service.url, value="rate", headers={"X-Key": "${env:TOKEN}"})

    with pytest.raises(UsageError, match="cannot be sent") as caught:
        sourced(spec, {"TOKEN": f"{SECRET}\nX-Evil: 1"}).value("v2", 0, 60)

    assert SECRET not in told(caught.value)
    assert service.questions == []


def test_a_redirect_on_the_same_host_is_followed(service: Service) -> None:
    """A server may say that it moved something."""
    service.say(Reply(status=302, headers={"Location": "/there"}), body(rate=0.5))

    assert source(service.url + "/here").value("v2", 0, 60) == 0.5
    assert [each.path for each in service.questions] == ["/here", "/there"]


def test_a_redirect_to_another_host_is_not_followed(service: Service) -> None:
    """Question and headers go nowhere that the plan does not name; another port is another host."""
    with serving() as other:
        other.say(body(rate=0.5))
        service.say(Reply(status=302, headers={"Location": f"{other.url}/?token={SECRET}"}))

        with pytest.raises(UsageError, match="leads elsewhere") as caught:
            source(service.url).value("v2", 0, 60)

        assert other.questions == []
        assert other.url in told(caught.value)
        assert SECRET not in told(caught.value)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "/round"])
def test_a_redirect_to_nowhere_is_refused(service: Service, location: str) -> None:
    """Other schemes are not followed, and circles end."""
    service.say(Reply(status=301, headers={"Location": location}))

    with pytest.raises(UsageError, match="leads elsewhere"):
        source(service.url + "/round").value("v2", 0, 60)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "http:///x"])
def test_only_the_web_is_asked(url: str) -> None:
    """A file is no service."""
    with pytest.raises(UsageError, match="is no address of the web"):
        source(url).value("v2", 0, 60)


def test_a_ping_asks_about_no_time(service: Service) -> None:
    """Whatever the service says to an empty interval, it is in reach; when it is gone, it is not."""
    service.say(Reply(status=404))
    asked = source(service.url + "?m=${model}&from=${since}&to=${until}", retries=0)

    asked.ping()

    assert service.questions[0].parameters == {"m": "ping", "from": "0", "to": "0"}
    service.say(Reply(status=503))
    with pytest.raises(OutOfReach):
        asked.ping()
