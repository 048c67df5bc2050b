"""What `executor = { type = "kubernetes", … }` takes (docs/executors.md)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003 - pydantic needs it
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pushbot.secret import REFERENCE
from pushbot.values import Duration, Flag, TimeLimit, expected
from pushbot_plugins.remote_words import Address, Template  # noqa: TC001 - the same


class Kind(StrEnum):
    """What can be rolled out."""

    DEPLOYMENT = "deployment"
    STATEFULSET = "statefulset"
    DAEMONSET = "daemonset"

    @property
    def resource(self) -> str:
        """Its name in the API's paths."""
        return f"{self.value}s"


_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DnsName = Annotated[str, Field(pattern=rf"^{_LABEL}(\.{_LABEL})*$", max_length=253)]


class KubernetesOptions(BaseModel):
    """See docs/executors.md. Either `images` (by container) or `manifests`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: DnsName = "default"
    kind: Kind = Kind.DEPLOYMENT
    name: DnsName | None = None
    images: dict[DnsName, Template] = {}
    manifests: tuple[Path, ...] = ()
    force: Flag = False
    server: Address | None = None
    token: str | None = Field(default=None, pattern=REFERENCE)
    kubeconfig: Path | None = None
    context: str | None = None
    reverts: Flag = True
    poll: TimeLimit = 5.0
    answer: TimeLimit = 30.0
    patience: Duration = 300.0
    ca: Path | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if bool(self.images) == bool(self.manifests):
            raise expected('either images = { CONTAINER = "IMAGE:{revision}" } or manifests = ["FILE"]')
        if bool(self.images) != (self.name is not None):
            raise expected("name together with images: manifests say themselves what they are of")
        if self.manifests and "kind" in self.model_fields_set:
            raise expected("no kind with manifests, which say it themselves")
        if (self.server is None) != (self.token is None):
            raise expected("server and token together; or kubeconfig; or none of them inside a cluster")
        if self.server is None and self.ca is not None:
            raise expected("ca only with server: a kubeconfig names its own")
        if self.server is not None and self.kubeconfig is not None:
            raise expected("server and token, or kubeconfig, and not both")
        if self.server is not None and not self.server.startswith("https://"):
            raise expected("a server at https://, as a token is never sent over http")
        if self.context is not None and self.kubeconfig is None:
            raise expected("context only with kubeconfig")
        return self
