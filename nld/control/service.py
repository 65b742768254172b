"""The service: the interfaces that one socket offers, and org.varlink.service, which lists them."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from importlib import metadata
from typing import Final

from pydantic import BaseModel

from nld.control.call import CallReader
from nld.control.description import describe
from nld.control.interface import Call, Interface, Method, NoParameters, Parameters
from nld.control.reply import SERVICE, Reply, ServiceError
from nld.records.peer import Peer

VENDOR: Final = "nld"
PRODUCT: Final = "nld"
URL: Final = "https://varlink.org/"


class GetInfoReply(BaseModel):
    """Who answers on this socket."""

    vendor: str
    product: str
    version: str
    url: str
    interfaces: list[str]


class GetInterfaceDescriptionParameters(Parameters):
    """Which interface to describe."""

    interface: str


class GetInterfaceDescriptionReply(BaseModel):
    """The description, in Varlink's interface definition language."""

    description: str


class _InterfaceName(BaseModel):
    interface: str


class _MethodName(BaseModel):
    method: str


class _ParameterName(BaseModel):
    parameter: str


class _Nothing(BaseModel):
    pass


def installed_version() -> str:
    """The version of the installed nld package; ``unknown`` when it runs from a bare source tree."""
    try:
        return metadata.version("nld")
    except metadata.PackageNotFoundError:
        return "unknown"


class Service:
    """Interfaces by name, org.varlink.service among them.

    ``interfaces``  what the service offers besides org.varlink.service.
    ``version``     what GetInfo says; by default the version of the installed package.
    """

    def __init__(self, interfaces: Iterable[Interface], version: str | None = None) -> None:
        self._version = installed_version() if version is None else version
        own = Interface(
            name=SERVICE,
            about="Provided by every Varlink service: describes the service and its interfaces.",
            methods=(
                Method(
                    "GetInfo",
                    NoParameters,
                    GetInfoReply,
                    self._info,
                    about="The interfaces of this service, and who made it.",
                    prompt=True,
                ),
                Method(
                    "GetInterfaceDescription",
                    GetInterfaceDescriptionParameters,
                    GetInterfaceDescriptionReply,
                    self._describe,
                    about="The description of one interface.",
                    prompt=True,
                ),
            ),
            errors={
                "InterfaceNotFound": ("The requested interface was not found.", _InterfaceName),
                "MethodNotFound": ("The requested method was not found.", _MethodName),
                "MethodNotImplemented": ("The method is described, but not implemented.", _MethodName),
                "InvalidParameter": ("One of the passed parameters is invalid.", _ParameterName),
                "PermissionDenied": ("The peer may not call this method.", _Nothing),
                "ExpectedMore": ("The method must be called with 'more'.", _Nothing),
            },
        )
        self.interfaces = {interface.name: interface for interface in (own, *interfaces)}
        self._descriptions: dict[str, str] = {}
        self._reader = CallReader(self.interfaces)

    def read(self, frame: bytes, peer: Peer) -> Call:
        """The call in a frame. Raises ``call.RefusalError``."""
        return self._reader.read(frame, peer)

    def long(self, frame: bytes, writes: bool) -> bool:
        """Whether a frame of a peer, which may write or not, is for :meth:`read_long`."""
        return self._reader.long(frame, writes)

    def read_long(self, frame: bytes, peer: Peer) -> Generator[None, None, Call]:
        """As :meth:`read`, in short steps. Raises ``call.RefusalError``."""
        return self._reader.read_long(frame, peer)

    async def _info(self, peer: Peer, parameters: NoParameters) -> Reply:
        return GetInfoReply(
            vendor=VENDOR,
            product=PRODUCT,
            version=self._version,
            url=URL,
            interfaces=sorted(self.interfaces),
        )

    async def _describe(self, peer: Peer, parameters: GetInterfaceDescriptionParameters) -> Reply:
        interface = self.interfaces.get(parameters.interface)
        if interface is None:
            raise ServiceError("InterfaceNotFound", {"interface": parameters.interface})
        if interface.name not in self._descriptions:
            self._descriptions[interface.name] = describe(interface)
        return GetInterfaceDescriptionReply(description=self._descriptions[interface.name])
