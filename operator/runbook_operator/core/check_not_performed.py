"""Why somebody was not asked."""


class UnaskedError(Exception):
    """It says nothing of health. `reason` is one word, the message a sentence; neither holds a credential."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
