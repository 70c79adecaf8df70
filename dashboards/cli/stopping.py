"""How does a person's or the system's request to stop reach the end of the program?"""

from __future__ import annotations


class Stopped(KeyboardInterrupt):
    """The person or the system asked to stop; what is finished has been saved."""

    def __init__(self, signal_number: int) -> None:
        self.exit_code = 128 + signal_number
