"""A signer whose work is counted."""

from __future__ import annotations

from lookalike.signatures.signers import SignedPicture, Signer
from lookalike.web.api.metrics import Metrics
from shards.errors import PictureError


class TimedSigner:
    """Signs as another signer does, and tells the metrics how long it took or why it failed."""

    def __init__(self, signer: Signer, metrics: Metrics) -> None:
        self._signer = signer
        self._metrics = metrics

    async def sign(self, data: bytes, *, orientations: bool = False) -> SignedPicture:
        started = self._metrics.clock()
        try:
            signed = await self._signer.sign(data, orientations=orientations)
        except PictureError as error:
            self._metrics.not_signed(error.reason)
            raise
        self._metrics.signed(self._metrics.clock() - started)
        return signed

    def close(self) -> None:
        self._signer.close()
