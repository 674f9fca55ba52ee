"""A real delivery, verified by the official receiver library, and Ed25519 by an independent one."""

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook, WebhookVerificationError
from svix.api import EndpointIn, EndpointSecretRotateIn, MessageIn
from svix.webhooks import Webhook as SvixWebhook


def deliver(svix, app, receiver, path, payload, **endpoint):
    made = svix.endpoint.create(app, EndpointIn(url=receiver.url(path), **endpoint)).id
    svix.message.create(app, MessageIn(event_type="user.created", payload=payload))
    return made, receiver.wait_for(path, 1)[-1]


def test_a_delivery_verifies(svix, app, receiver):
    payload = {"name": "Ada", "rate": 40.0, "text": "é \U0001f4ef"}
    endpoint, request = deliver(svix, app, receiver, "/python-verify", payload)
    secret = svix.endpoint.get_secret(app, endpoint).key
    assert Webhook(secret).verify(request.body, request.headers) == payload
    assert b'"rate":40.0' in request.body
    SvixWebhook(secret).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(request.body + b" ", request.headers)


def test_both_secrets_verify_after_a_rotation(svix, app, receiver):
    endpoint, _ = deliver(svix, app, receiver, "/python-rotate", {"n": 1})
    old = svix.endpoint.get_secret(app, endpoint).key
    new = svix.endpoint.rotate_secret(app, endpoint, EndpointSecretRotateIn()).key
    svix.message.create(app, MessageIn(event_type="user.created", payload={"n": 2}))
    request = receiver.wait_for("/python-rotate", 2)[-1]
    for secret in (old, new):
        assert Webhook(secret).verify(request.body, request.headers) == {"n": 2}
    svix.endpoint.rotate_secret(app, endpoint, EndpointSecretRotateIn(grace_period_seconds=0))
    svix.message.create(app, MessageIn(event_type="user.created", payload={"n": 3}))
    request = receiver.wait_for("/python-rotate", 3)[-1]
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(request.body, request.headers)


def test_an_ed25519_delivery_verifies(svix, app, receiver):
    key = Ed25519PrivateKey.generate()
    seed = key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    secret = "whsk_" + base64.b64encode(seed + public).decode()
    endpoint, request = deliver(svix, app, receiver, "/python-ed25519", {"n": 1}, secret=secret)
    version, _, signature = request.headers["webhook-signature"].partition(",")
    assert version == "v1a"
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    key.public_key().verify(base64.b64decode(signature), signed)
    with pytest.raises(InvalidSignature):
        key.public_key().verify(base64.b64decode(signature), signed + b" ")
    shown = svix.endpoint.get_secret(app, endpoint).key
    assert shown in ("whpk_" + base64.b64encode(public).decode(), secret)
