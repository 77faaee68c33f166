"""What whoever runs the gateway may ask of it over HTTP: to drain and to read its configuration again."""

from gateway.app.gateway import Gateway
from gateway.app.reload import Reload
from gateway.errors import EndpointError
from gateway.http.service import DrainReport, ReloadReport


class Operations:
    """Implements `gateway.http.service.Service`."""

    def __init__(self, gateway: Gateway, reload: Reload) -> None:
        self._gateway = gateway
        self._reload = reload

    def drain(self, deadline_s: float | None) -> DrainReport:
        self._check_started()
        self._gateway.draining.begin(deadline_s)
        return self._gateway.draining.report()

    def drain_report(self) -> DrainReport:
        return self._gateway.draining.report()

    async def reload(self) -> ReloadReport:
        self._check_started()
        return await self._reload.reload()

    def _check_started(self) -> None:
        if not self._gateway.is_started:
            raise EndpointError("the gateway is still starting; ask again when it is ready")
