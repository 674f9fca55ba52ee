"""The OpenAPI document keeps its word: whatever is asked of an operation, well formed or not, with ids that exist and
with ids that do not, the answer is one that the document names, of the shape that it gives, and never a 5xx."""

import itertools
import os
import re

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from conftest import KEY, Server, until

DOCUMENT = os.path.join(os.path.dirname(__file__), "..", "..", "..", "docs", "openapi.json")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# The same requests in every run; those that a failure is narrowed down with are not needed to see it.
TRIED = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
HEADERS = {"authorization": f"Bearer {KEY}", "api-key": KEY}

schema = schemathesis.openapi.from_path(DOCUMENT)
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A server of its own: what is asked of it leaves traces everywhere."""
    server = Server(tmp_path_factory.mktemp("document") / "data").start()
    yield server.url
    server.stop()


@pytest.fixture
def world(url, receiver):
    """One of each noun, made for one operation, which may delete it."""
    with httpx.Client(base_url=url, headers=HEADERS) as client:

        def make(path, body, key="id"):
            answer = client.post(path, json=body)
            assert answer.status_code in (200, 201, 202), answer.text
            return str(answer.json()[key])

        number = next(numbers)
        app = make("/api/v1/app", {"name": f"world {number}"})
        event_type = make("/api/v1/event-type", {"name": f"world.made{number}", "description": "A world."}, "name")
        endpoint = make(f"/api/v1/app/{app}/endpoint", {"url": receiver.url("/world")})
        message = make(f"/api/v1/app/{app}/msg", {"eventType": event_type, "payload": {"number": number}})
        attempts = f"/api/v1/app/{app}/attempt/msg/{message}"
        attempt = until("an attempt", lambda: client.get(attempts).json()["data"])[0]["id"]
        environment = make("/api/v1/management/environment", {"name": f"World {number}", "type": "development"})
        # A key rules the tokens of its own environment only.
        environments = client.get("/api/v1/management/environment").json()["data"]
        own = next(found["id"] for found in environments if found["name"] == "Default")
        yield {
            "application_id": app,
            "endpoint_id": endpoint,
            "message_id": message,
            "attempt_id": attempt,
            "event_type_name": event_type,
            "integration_id": make(f"/api/v1/app/{app}/integration", {"name": "Tool"}),
            "inbox_id": make("/api/v1/inbox", {}),
            "webhook_id": make("/v1/environment/webhooks", {"url": receiver.url(f"/world/{number}"), "event": event_type}, "webhook_id"),
            "environment_id": environment,
            "own_environment_id": own,
            "key_id": make(f"/api/v1/management/authentication/{own}/api-token", {"name": "Spare"}),
        }


@schema.parametrize()
@TRIED
def test_anything_asked_is_answered_as_the_document_says(case, url):
    case.call_and_validate(base_url=url, headers=HEADERS, checks=CHECKS)


@schema.include(path_regex=re.compile(r"\{")).parametrize()
@TRIED
def test_anything_asked_of_what_there_is_is_answered_as_the_document_says(case, url, world):
    ids = world | ({"environment_id": world["own_environment_id"]} if "api-token" in case.path else {})
    case.path_parameters.update({name: ids[name] for name in case.path_parameters})
    case.call_and_validate(base_url=url, headers=HEADERS, checks=CHECKS)
