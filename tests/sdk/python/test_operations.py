"""Every operation of the Svix server's API, called through the official SDK as it comes from PyPI."""

from datetime import datetime, timedelta, timezone

import httpx
import pytest
import svix.models as models
from svix.api import (
    AppPortalAccessIn,
    ApplicationIn,
    ApplicationListOptions,
    ApplicationPatch,
    EndpointHeadersIn,
    EndpointHeadersPatchIn,
    EndpointIn,
    EndpointListOptions,
    EndpointPatch,
    EndpointSecretRotateIn,
    EventExampleIn,
    EventTypeDeleteOptions,
    EventTypeIn,
    EventTypeListOptions,
    EventTypePatch,
    MessageAttemptListByEndpointOptions,
    MessageAttemptListByMsgOptions,
    MessageAttemptListAttemptedMessagesOptions,
    MessageCreateOptions,
    MessageGetOptions,
    MessageIn,
    MessageListOptions,
    RecoverIn,
)
from svix.api.endpoint import EndpointGetStatsOptions
from svix.exceptions import HttpError, HTTPValidationError
from svix.models import EndpointUpsertIn, EventTypeUpsertIn, MessageStatus, MessageStatusText, Ordering, StatusCodeClass

from conftest import KEY, until

LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc)


def post(svix, app, **more):
    return svix.message.create(app, MessageIn(event_type="user.created", payload={"name": "Ada", **more}))


def wait_for_state(svix, app, message, endpoint, state):
    def look():
        found = svix.message_attempt.list_attempted_destinations(app, message).data
        return next((one for one in found if one.id == endpoint and one.status_text == state), None)

    return until(f"{message} to {endpoint} is {state}", look)


def expect_status(status, call):
    with pytest.raises(HttpError) as caught:
        call()
    assert caught.value.status_code == status
    assert caught.value.code and caught.value.detail
    return caught.value


# Applications


def test_application_create_get_delete(svix):
    made = svix.application.create(ApplicationIn(name="One", uid="python-one", metadata={"a": "b"}))
    assert made.id.startswith("app_") and made.metadata == {"a": "b"}
    assert svix.application.get(made.id) == svix.application.get("python-one") == made
    assert abs(datetime.now(timezone.utc) - made.created_at) < timedelta(minutes=1)
    svix.application.delete("python-one")
    expect_status(404, lambda: svix.application.get(made.id))


def test_application_get_or_create(svix):
    first = svix.application.get_or_create(ApplicationIn(name="First", uid="python-goc"))
    second = svix.application.get_or_create(ApplicationIn(name="Second", uid="python-goc"))
    assert first.id == second.id and second.name == "First"
    expect_status(409, lambda: svix.application.create(ApplicationIn(name="Third", uid="python-goc")))


def test_application_upsert_and_patch(svix):
    made = svix.application.upsert("python-up", ApplicationIn(name="Up", uid="python-up", throttle_rate=7))
    changed = svix.application.upsert("python-up", ApplicationIn(name="Down", uid="python-up"))
    assert (changed.id, changed.name, changed.throttle_rate) == (made.id, "Down", None)
    patched = svix.application.patch(made.id, ApplicationPatch(uid=None, metadata={"k": "v"}))
    assert (patched.uid, patched.name, patched.metadata) == (None, "Down", {"k": "v"})


def test_application_list_pages_forwards_and_back(svix):
    for number in range(5):
        svix.application.create(ApplicationIn(name=f"page {number}"))
    for order in Ordering:
        whole = svix.application.list(ApplicationListOptions(limit=250, order=order))
        assert whole.done
        seen, iterator, pages = [], None, []
        while True:
            page = svix.application.list(ApplicationListOptions(limit=2, iterator=iterator, order=order))
            seen += page.data
            pages.append(page)
            iterator = page.iterator
            if page.done:
                break
        assert [one.id for one in seen] == [one.id for one in whole.data]
        back = svix.application.list(ApplicationListOptions(limit=2, iterator=pages[1].prev_iterator, order=order))
        assert back.data == pages[0].data


# Event types


def test_event_type_lifecycle(svix):
    schema = {"1": {"type": "object", "properties": {"name": {"type": "string"}}}}
    made = svix.event_type.create(EventTypeIn(name="python.type", description="d", schemas=schema, group_name="group"))
    assert (made.name, made.deprecated, made.archived) == ("python.type", False, False)
    assert svix.event_type.get("python.type").schemas == schema
    assert svix.event_type.get("python.type").group_name == "group"
    expect_status(409, lambda: svix.event_type.create(EventTypeIn(name="python.type", description="d")))
    assert svix.event_type.patch("python.type", EventTypePatch(deprecated=True)).deprecated
    assert svix.event_type.upsert("python.type", EventTypeUpsertIn(description="new")).description == "new"
    assert svix.event_type.upsert("python.made", EventTypeUpsertIn(description="made")).name == "python.made"
    listed = {one.name: one for one in svix.event_type.list(EventTypeListOptions(limit=250, with_content=True)).data}
    assert "python.type" in listed and "python.made" in listed
    svix.event_type.delete("python.type")
    names = lambda **more: [one.name for one in svix.event_type.list(EventTypeListOptions(limit=250, **more)).data]
    assert "python.type" not in names()
    assert "python.type" in names(include_archived=True)
    svix.event_type.delete("python.type", EventTypeDeleteOptions(expunge=True))
    assert "python.type" not in names(include_archived=True)
    expect_status(404, lambda: svix.event_type.get("python.type"))


# Endpoints


def test_endpoint_lifecycle(svix, app, receiver):
    svix.event_type.upsert("user.created", EventTypeUpsertIn(description="d"))
    made = svix.endpoint.create(app, EndpointIn(
        url=receiver.url("/a"), uid="mine", description="d", event_types=["user.created"], channels=["red"],
        metadata={"k": "v"}, throttle_rate=100, disabled=True, headers={"x-tenant": "blue"}))
    assert made.id.startswith("ep_")
    assert svix.endpoint.get(app, "mine") == svix.endpoint.get(app, made.id) == made
    assert (made.event_types, made.channels, made.disabled) == (["user.created"], ["red"], True)
    assert svix.endpoint.get_headers(app, made.id).headers.get("x-tenant", "blue") == "blue"
    patched = svix.endpoint.patch(app, "mine", EndpointPatch(event_types=None, channels=None, disabled=False))
    assert (patched.event_types, patched.channels, patched.disabled, patched.description) == (None, None, False, "d")
    replaced = svix.endpoint.upsert(app, "mine", EndpointUpsertIn(url=receiver.url("/b"), uid="mine"))
    assert (replaced.id, replaced.url, replaced.description) == (made.id, receiver.url("/b"), "")
    new = svix.endpoint.upsert(app, "new", EndpointUpsertIn(url=receiver.url("/c"), uid="new"))
    assert {one.id for one in svix.endpoint.list(app).data} == {made.id, new.id}
    page = svix.endpoint.list(app, EndpointListOptions(limit=1))
    assert len(page.data) == 1 and not page.done and page.iterator
    expect_status(409, lambda: svix.endpoint.create(app, EndpointIn(url=receiver.url("/d"), uid="mine")))
    svix.endpoint.delete(app, "mine")
    expect_status(404, lambda: svix.endpoint.get(app, made.id))


def test_endpoint_headers(svix, app, receiver):
    endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url("/python-headers"))).id
    assert svix.endpoint.get_headers(app, endpoint).headers == {}
    svix.endpoint.set_headers(app, endpoint, EndpointHeadersIn(headers={"x-one": "1", "x-two": "2"}))
    patch = EndpointHeadersPatchIn(headers={"x-three": "3"}, delete_headers=["x-two"])
    svix.endpoint.patch_headers(app, endpoint, patch)
    assert svix.endpoint.get_headers(app, endpoint).headers == {"x-one": "1", "x-three": "3"}
    svix.endpoint.set_headers(app, endpoint, EndpointHeadersIn(headers={"Authorization": "Basic abc", "x-one": "1"}))
    shown = svix.endpoint.get_headers(app, endpoint)
    assert [name.lower() for name in shown.sensitive] == ["authorization"] and shown.headers == {"x-one": "1"}
    post(svix, app)
    request = receiver.wait_for("/python-headers", 1)[0]
    assert (request.headers["authorization"], request.headers["x-one"]) == ("Basic abc", "1")


def test_endpoint_transformation(svix, app, receiver):
    endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url("/python-transformed"))).id
    assert svix.endpoint.transformation.get(app, endpoint).code is None
    code = "function handler(webhook) { webhook.payload = { name: webhook.variables.NAME }; return webhook }"
    patch = models.EndpointTransformationPatch(code=code, enabled=True, variables={"NAME": "Grace"})
    svix.endpoint.transformation.patch(app, endpoint, patch)
    shown = svix.endpoint.transformation.get(app, endpoint)
    assert (shown.code, shown.enabled, shown.variables) == (code, True, {"NAME": "•••"}) and shown.updated_at
    post(svix, app)
    assert receiver.wait_for("/python-transformed", 1)[0].body == b'{"name":"Grace"}'
    with pytest.raises(HTTPValidationError):
        svix.endpoint.transformation.patch(app, endpoint, models.EndpointTransformationPatch(code="short"))


def test_endpoint_secret_and_rotation(svix, app, receiver):
    endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url("/x"))).id
    old = svix.endpoint.get_secret(app, endpoint).key
    assert old.startswith("whsec_")
    new = svix.endpoint.rotate_secret(app, endpoint, EndpointSecretRotateIn()).key
    assert new != old and svix.endpoint.get_secret(app, endpoint).key == new
    own = "whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    rotated = svix.endpoint.rotate_secret(app, endpoint, EndpointSecretRotateIn(key=own, grace_period_seconds=60))
    assert rotated.key == own


def test_endpoint_send_example(svix, app, receiver):
    svix.event_type.upsert("python.example", EventTypeUpsertIn(description="d"))
    endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url("/python-example"))).id
    message = svix.endpoint.send_example(app, endpoint, EventExampleIn(event_type="python.example"))
    assert message.event_type == "python.example"
    assert receiver.wait_for("/python-example", 1)[0].headers["webhook-id"] == message.id


def test_endpoint_recover_and_stats(svix, app, receiver):
    endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url("/python-recover"))).id
    receiver.replies["/python-recover"] = [500]
    failed = [post(svix, app, number=number).id for number in range(3)]
    for message in failed:
        wait_for_state(svix, app, message, endpoint, MessageStatusText.FAIL)
    assert until("stats", lambda: (s := svix.endpoint.get_stats(app, endpoint)).fail == 3 and s).success == 0
    receiver.replies["/python-recover"] = [204]
    task = svix.endpoint.recover(app, endpoint, RecoverIn(since=LONG_AGO, until=datetime.now(timezone.utc) + timedelta(hours=1)))
    assert task.task == models.BackgroundTaskType.ENDPOINT_RECOVER and task.id
    for message in failed:
        wait_for_state(svix, app, message, endpoint, MessageStatusText.SUCCESS)
    options = EndpointGetStatsOptions(since=LONG_AGO)
    stats = until("stats", lambda: (s := svix.endpoint.get_stats(app, endpoint, options)).success == 3 and s)
    assert (stats.fail, stats.pending, stats.sending, stats.canceled) == (0, 0, 0, 0)


# Messages


def test_message_create_get_list_expunge(svix, app):
    given = MessageIn(event_type="user.created", payload={"n": 40.0, "é": "ü"}, event_id="order-1", channels=["red"])
    made = svix.message.create(app, given, MessageCreateOptions(with_content=True))
    assert made.id.startswith("msg_") and made.payload == given.payload
    assert (made.event_id, made.channels) == ("order-1", ["red"])
    assert svix.message.get(app, "order-1", MessageGetOptions(with_content=True)).id == made.id
    assert svix.message.get(app, made.id).payload == {}
    expect_status(409, lambda: svix.message.create(app, given))
    found = lambda **more: [one.id for one in svix.message.list(app, MessageListOptions(limit=10, **more)).data]
    assert found() == found(event_types=["user.created", "x.y"]) == found(channel="red") == found(after=LONG_AGO) == [made.id]
    assert found(before=LONG_AGO) == found(event_types=["x.y"]) == found(channel="blue") == []
    svix.message.expunge_content(app, made.id)
    assert svix.message.get(app, made.id, MessageGetOptions(with_content=True)).payload != given.payload


def test_message_idempotency_key(svix, app):
    options = MessageCreateOptions(idempotency_key=f"python-{app}")
    first = svix.message.create(app, MessageIn(event_type="a.b", payload={"n": 1}), options)
    second = svix.message.create(app, MessageIn(event_type="a.b", payload={"n": 1}), options)
    assert first == second and len(svix.message.list(app).data) == 1
    expect_status(409, lambda: svix.message.create(app, MessageIn(event_type="a.b", payload={"n": 2}), options))


def test_message_makes_its_application(svix):
    message = MessageIn(event_type="a.b", payload={}, application=ApplicationIn(name="New", uid="python-inline"))
    svix.message.create("python-inline", message)
    assert svix.application.get("python-inline").name == "New"


def test_message_list_pages(svix, app):
    ids = [post(svix, app, number=number).id for number in range(5)]
    seen, iterator = [], None
    while True:
        page = svix.message.list(app, MessageListOptions(limit=2, iterator=iterator))
        seen += [one.id for one in page.data]
        iterator = page.iterator
        if page.done:
            break
    assert seen == ids[::-1], "newest first"


# Attempts


def test_attempts(svix, app, receiver):
    endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url("/python-attempts"))).id
    receiver.replies["/python-attempts"] = [500, 200]
    message = post(svix, app).id
    done = wait_for_state(svix, app, message, endpoint, MessageStatusText.SUCCESS)
    assert (done.status, done.next_attempt) == (MessageStatus.SUCCESS, None)
    both = svix.message_attempt.list_by_msg(app, message, MessageAttemptListByMsgOptions(with_content=True)).data
    assert sorted((one.status, one.response_status_code, one.response) for one in both) == [
        (MessageStatus.SUCCESS, 200, "said 200"), (MessageStatus.FAIL, 500, "said 500")]
    assert all(one.endpoint_id == endpoint and one.msg_id == message and one.url.endswith("/python-attempts") for one in both)
    assert [one.response for one in svix.message_attempt.list_by_msg(app, message).data] == ["", ""]
    listed = lambda **more: svix.message_attempt.list_by_endpoint(app, endpoint, MessageAttemptListByEndpointOptions(**more)).data
    assert len(listed(status=MessageStatus.FAIL)) == len(listed(status_code_class=StatusCodeClass.CODE5XX)) == 1
    assert len(listed(event_types=["user.created"], after=LONG_AGO)) == 2 and listed(before=LONG_AGO) == []
    assert listed(with_msg=True)[0].msg.id == message
    page = svix.message_attempt.list_by_endpoint(app, endpoint, MessageAttemptListByEndpointOptions(limit=1))
    assert len(page.data) == 1 and not page.done
    attempt = svix.message_attempt.get(app, message, both[0].id)
    assert (attempt.id, attempt.msg_id) == (both[0].id, message)
    svix.message_attempt.expunge_content(app, message, both[0].id)
    assert not svix.message_attempt.get(app, message, both[0].id).response.startswith("said")
    options = MessageAttemptListAttemptedMessagesOptions(status=MessageStatus.SUCCESS)
    assert [one.id for one in svix.message_attempt.list_attempted_messages(app, endpoint, options).data] == [message]


def test_resend(svix, app, receiver):
    endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url("/python-resend"))).id
    message = post(svix, app).id
    wait_for_state(svix, app, message, endpoint, MessageStatusText.SUCCESS)
    svix.message_attempt.resend(app, message, endpoint)
    first, second = receiver.wait_for("/python-resend", 2)
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    manual = models.MessageAttemptTriggerType.MANUAL
    until("a manual attempt", lambda: any(
        one.trigger_type == manual for one in svix.message_attempt.list_by_msg(app, message).data))


# The rest


def test_health_and_authentication(svix, server, app):
    svix.health.get()
    assert httpx.get(server.url + "/api/v1/health/ping").status_code == 204
    access = svix.authentication.app_portal_access(app, AppPortalAccessIn(read_only=True, expiry=600))
    assert access.url.startswith("http") and access.token
    svix.authentication.logout()
    svix.application.get(app)


def test_errors_have_the_shape_that_the_sdk_reads(svix, app, server):
    from svix.api import Svix, SvixOptions

    expect_status(404, lambda: svix.application.get("app_nothing"))
    expect_status(404, lambda: svix.application.get("../nothing"))
    stranger = Svix(KEY + "x", SvixOptions(server_url=server.url))
    expect_status(401, lambda: stranger.application.list())
    with pytest.raises(HTTPValidationError) as caught:
        svix.application.create(ApplicationIn(name=""))
    assert caught.value.status_code == 422
    item = caught.value.detail[0]
    assert "name" in item.loc and item.msg and item.type
    with pytest.raises(HTTPValidationError):
        svix.endpoint.create(app, EndpointIn(url="ftp://example.com/"))
    with pytest.raises((HttpError, HTTPValidationError)) as caught:
        svix.message.create(app, MessageIn(event_type="a.b", payload={"x": "y" * (1024 * 1024)}))
    assert caught.value.status_code == 413
