"""What may befall the link between the bot and a chat's server, seen from the server."""

from __future__ import annotations

from typing import Protocol


class Wire(Protocol):
    """One chat's server, as stage directions know it. `ChatServer` is one."""

    def disconnect(self) -> None:
        """Break the link; the bot cannot come back before `let_in`."""
        ...

    def let_in(self) -> None:
        """Let the bot connect again, over a link that loses nothing."""
        ...

    def hold(self, *, losing: bool) -> None:
        """Confirm nothing that the bot says from now on; with `losing` let nothing arrive either."""
        ...

    def confirm(self) -> None:
        """Confirm all that was held back, and from now on each line at once."""
        ...
