"""The error of a check that could not be performed."""


class CheckNotPerformedError(Exception):
    """A check was not performed, so nothing is known about health. Neither `reason` nor `message` has a credential."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
