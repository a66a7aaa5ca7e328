"""The HTTP API, version 1: `/v1/…`, `/healthz`, `/readyz` and `/metrics`."""
