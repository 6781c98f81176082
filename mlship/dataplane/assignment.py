"""Who a user is to the router, and what is hashed of them: the header, else our cookie, else the request's id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

COOKIE = "mlship_uid"
REQUEST_ID = "x-request-id"
"""What an anonymous user's first request is assigned by; Envoy's, or the client's own. It becomes the user's cookie."""

COOKIE_VALUE = r"[A-Za-z0-9._:/+=-]{1,200}"
"""Request ids that may become a cookie. The client chose any other one, and is assigned anew by each."""

YEAR = 365 * 24 * 3600

Matcher = dict[str, Any]
"""A HeaderMatcher or CookieMatcher of Envoy."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Users that are known by the same thing. The kinds are asked in their order: the first that matches is it."""

    name: str
    headers: tuple[Matcher, ...] = ()
    cookies: tuple[Matcher, ...] = ()
    policy: dict[str, Any]
    """Envoy's hash policy: "salt:unit"."""
    cookie: str | None = None
    """The cookie that such a user is given."""

    @property
    def match(self) -> dict[str, Any]:
        """The match of a route for such users."""
        return {
            "prefix": "/",
            **({"headers": list(self.headers)} if self.headers else {}),
            **({"cookies": list(self.cookies)} if self.cookies else {}),
        }


def kinds(assign_by: str | None, salt: str) -> Iterator[Kind]:
    """Those that send the header, those that send our cookie, those who are given it, and those who cannot be."""
    some = {"safe_regex": {"regex": ".+"}}
    if assign_by is not None:
        user = assign_by.lower()
        known = ({"name": user, "string_match": some},)
        yield Kind(name="user", headers=known, policy=_hashed(user, "^(.*)$", salt))
    pattern = rf'^(?:.*;)?\s*{COOKIE}="?([^;"]*).*$'
    returning = ({"name": COOKIE, "string_match": some},)
    yield Kind(name="cookie", cookies=returning, policy=_hashed("cookie", pattern, salt))
    by_request = _hashed(REQUEST_ID, "^(.*)$", salt)
    fresh = ({"name": REQUEST_ID, "string_match": {"safe_regex": {"regex": COOKIE_VALUE}}},)
    cookie = f"{COOKIE}=%REQ({REQUEST_ID})%; Max-Age={YEAR}; Path=/; HttpOnly; SameSite=Lax"
    yield Kind(name="anonymous", headers=fresh, policy=by_request, cookie=cookie)
    yield Kind(name="unnameable", policy=by_request)


def _hashed(header: str, pattern: str, salt: str) -> dict[str, Any]:
    escaped = salt.replace("\\", "\\\\")
    rewrite = {"pattern": {"regex": pattern}, "substitution": rf"{escaped}:\1"}
    return {"header": {"header_name": header, "regex_rewrite": rewrite}}
