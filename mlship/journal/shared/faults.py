"""What S3 and the way to it can refuse, in words."""

from __future__ import annotations

from mlship.errors import JournalUnavailable
from mlship.journal.shared.place import Place

_RENEW = "Renew them (`aws sso login`, a new session, the role of the machine), then run the command again."
_CREDENTIALS = "Check AWS_PROFILE, AWS_ACCESS_KEY_ID and the like; `aws sts get-caller-identity` shows who you are."
_ALLOW = "Allow s3:GetObject and s3:PutObject below the prefix and s3:ListBucket on the bucket; see docs/state.md."
_REGION = "Set AWS_REGION to the region of the bucket."
_LATER = "Nothing is wrong here; run the command again in a minute."

_SAID = {
    ("NoSuchBucket",): ("does not exist", "Create the bucket, or correct MLSHIP_STATE."),
    ("AccessDenied", "AllAccessDisabled", "403"): ("may not be used with these credentials", _ALLOW),
    ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"): (
        "cannot be used: the credentials have expired",
        _RENEW,
    ),
    ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"): (
        "cannot be used: the credentials are not valid",
        _CREDENTIALS,
    ),
    ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"): (
        "is in another region",
        _REGION,
    ),
    ("RequestTimeTooSkewed",): ("cannot be used: the clock of this machine is wrong", "Set it, best by NTP."),
    ("NotImplemented",): ("is in a store without conditional writes", "Use S3, or a store that knows If-None-Match."),
    ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "502", "503", "504"): (
        "does not answer",
        _LATER,
    ),
}
_BY_CODE = {code: said for codes, said in _SAID.items() for code in codes}


def refused(place: Place, code: str, message: str) -> JournalUnavailable:
    """For an answer that is an error."""
    if code.startswith("KMS."):
        said = "is encrypted with a key that cannot be used", "Allow kms:Decrypt and kms:GenerateDataKey on that key."
    else:
        said = _BY_CODE.get(code, ("cannot be used", "See docs/state.md for what the bucket has to allow."))
    return JournalUnavailable(f"the journal {place} {said[0]} ({code}: {message})", hint=said[1])


def unreached(place: Place, error: Exception) -> JournalUnavailable:
    """For no answer, or none that can be read."""
    from botocore import exceptions

    credentials = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.NoAuthTokenError,
        exceptions.ProfileNotFound,
    )
    match error:
        case exceptions.TokenRetrievalError() | exceptions.SSOError():
            said = "cannot be used: the credentials have expired", _RENEW
        case _ if isinstance(error, credentials):
            said = "cannot be used: there are no credentials", _CREDENTIALS
        case exceptions.HTTPClientError() | exceptions.ConnectionError():
            said = "cannot be reached", "Check the network, AWS_REGION and AWS_ENDPOINT_URL; then try again."
        case _:
            said = "cannot be used", "Check AWS_REGION, AWS_ENDPOINT_URL and the file ~/.aws/config."
    return JournalUnavailable(f"the journal {place} {said[0]} ({error})", hint=said[1])
