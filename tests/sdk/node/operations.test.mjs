// Every operation of the Svix server's API, called through the official SDK as it comes from npm.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BackgroundTaskType, MessageAttemptTriggerType, MessageStatus, Ordering } from "svix";
import { client, KEY, Receiver, refused, startServer, until } from "./support.mjs";

const LONG_AGO = new Date("2020-01-01T00:00:00Z");
let server;
let receiver;
let svix;

before(async () => {
  server = await startServer();
  receiver = await new Receiver().start();
  svix = client(server.url);
});

after(async () => {
  receiver?.stop();
  await server?.stop();
});

const newApp = async (name) => (await svix.application.create({ name })).id;
const post = (app, more = {}) => svix.message.create(app, { eventType: "user.created", payload: { name: "Ada", ...more } });

function waitForState(app, message, endpoint, state) {
  return until(`${message} to ${endpoint} is ${state}`, async () => {
    const { data } = await svix.messageAttempt.listAttemptedDestinations(app, message);
    return data.find((one) => one.id === endpoint && one.statusText === state);
  });
}

test("application: create, get, delete", async () => {
  const made = await svix.application.create({ name: "One", uid: "node-one", metadata: { a: "b" } });
  assert.match(made.id, /^app_/);
  assert.deepEqual(await svix.application.get(made.id), made);
  assert.deepEqual(await svix.application.get("node-one"), made);
  assert.ok(Math.abs(Date.now() - made.createdAt) < 60_000);
  await svix.application.delete("node-one");
  await refused(404, svix.application.get(made.id));
});

test("application: getOrCreate, upsert, patch", async () => {
  const first = await svix.application.getOrCreate({ name: "First", uid: "node-goc" });
  const second = await svix.application.getOrCreate({ name: "Second", uid: "node-goc" });
  assert.deepEqual(second, first);
  await refused(409, svix.application.create({ name: "Third", uid: "node-goc" }));
  const made = await svix.application.upsert("node-up", { name: "Up", uid: "node-up" });
  const changed = await svix.application.upsert("node-up", { name: "Down", uid: "node-up" });
  assert.deepEqual([changed.id, changed.name], [made.id, "Down"]);
  const patched = await svix.application.patch(made.id, { uid: null, metadata: { k: "v" } });
  assert.deepEqual([patched.uid ?? null, patched.name, patched.metadata], [null, "Down", { k: "v" }]);
});

test("application: pages forwards and back", async () => {
  for (let number = 0; number < 5; number++) await svix.application.create({ name: `page ${number}` });
  for (const order of [Ordering.Ascending, Ordering.Descending]) {
    const whole = await svix.application.list({ limit: 250, order });
    assert.ok(whole.done);
    const pages = [];
    do {
      pages.push(await svix.application.list({ limit: 2, order, iterator: pages.at(-1)?.iterator }));
    } while (!pages.at(-1).done);
    assert.deepEqual(pages.flatMap((page) => page.data), whole.data);
    const back = await svix.application.list({ limit: 2, order, iterator: pages[1].prevIterator });
    assert.deepEqual(back.data, pages[0].data);
  }
});

test("event type: every operation", async () => {
  const schemas = { 1: { type: "object" } };
  const made = await svix.eventType.create({ name: "node.type", description: "d", schemas });
  assert.deepEqual([made.name, made.deprecated, made.archived], ["node.type", false, false]);
  assert.deepEqual((await svix.eventType.get("node.type")).schemas, schemas);
  await refused(409, svix.eventType.create({ name: "node.type", description: "d" }));
  assert.ok((await svix.eventType.patch("node.type", { deprecated: true })).deprecated);
  assert.equal((await svix.eventType.upsert("node.type", { description: "new" })).description, "new");
  assert.equal((await svix.eventType.upsert("node.made", { description: "made" })).name, "node.made");
  const names = async (more) => (await svix.eventType.list({ limit: 250, ...more })).data.map((one) => one.name);
  assert.ok((await names()).includes("node.made"));
  await svix.eventType.delete("node.type");
  assert.ok(!(await names()).includes("node.type"));
  assert.ok((await names({ includeArchived: true })).includes("node.type"));
  await svix.eventType.delete("node.type", { expunge: true });
  await refused(404, svix.eventType.get("node.type"));
});

test("endpoint: create, get, list, upsert, patch, delete", async () => {
  const app = await newApp("endpoint");
  await svix.eventType.upsert("user.created", { description: "d" });
  const made = await svix.endpoint.create(app, {
    url: receiver.url("/a"), uid: "mine", description: "d", eventTypes: ["user.created"], channels: ["red"],
    metadata: { k: "v" }, throttleRate: 100, disabled: true, headers: { "x-tenant": "blue" },
  });
  assert.match(made.id, /^ep_/);
  assert.deepEqual(await svix.endpoint.get(app, "mine"), made);
  assert.deepEqual([made.eventTypes, made.channels, made.disabled], [["user.created"], ["red"], true]);
  const patched = await svix.endpoint.patch(app, "mine", { eventTypes: null, channels: null, disabled: false });
  assert.deepEqual([patched.eventTypes ?? null, patched.channels ?? null, patched.disabled], [null, null, false]);
  const replaced = await svix.endpoint.upsert(app, "mine", { url: receiver.url("/b"), uid: "mine" });
  assert.deepEqual([replaced.id, replaced.url, replaced.description], [made.id, receiver.url("/b"), ""]);
  const page = await svix.endpoint.list(app, { limit: 1 });
  assert.deepEqual([page.data.length, page.done], [1, true]);
  await refused(409, svix.endpoint.create(app, { url: receiver.url("/d"), uid: "mine" }));
  await svix.endpoint.delete(app, "mine");
  await refused(404, svix.endpoint.get(app, made.id));
});

test("endpoint: headers", async () => {
  const app = await newApp("headers");
  const { id } = await svix.endpoint.create(app, { url: receiver.url("/node-headers") });
  await svix.endpoint.setHeaders(app, id, { headers: { "x-one": "1", "x-two": "2" } });
  await svix.endpoint.patchHeaders(app, id, { headers: { "x-three": "3" }, deleteHeaders: ["x-two"] });
  assert.deepEqual((await svix.endpoint.getHeaders(app, id)).headers, { "x-one": "1", "x-three": "3" });
  assert.deepEqual((await svix.endpoint.getHeaders(app, id)).sensitive, []);
  await post(app);
  const [request] = await receiver.waitFor("/node-headers", 1);
  assert.deepEqual([request.headers["x-one"], request.headers["x-three"]], ["1", "3"]);
});

test("endpoint: transformation", async () => {
  const app = await newApp("transformation");
  const { id } = await svix.endpoint.create(app, { url: receiver.url("/node-transformed") });
  const code = "function handler(webhook) { webhook.payload = { name: webhook.variables.NAME }; return webhook }";
  await svix.endpoint.transformation.patch(app, id, { code, enabled: true, variables: { NAME: "Grace" } });
  const shown = await svix.endpoint.transformation.get(app, id);
  assert.deepEqual([shown.code, shown.enabled, shown.variables], [code, true, { NAME: "•••" }]);
  await post(app);
  const [request] = await receiver.waitFor("/node-transformed", 1);
  assert.equal(String(request.body), '{"name":"Grace"}');
});

test("endpoint: secret and its rotation", async () => {
  const app = await newApp("secret");
  const { id } = await svix.endpoint.create(app, { url: receiver.url("/x") });
  const old = (await svix.endpoint.getSecret(app, id)).key;
  assert.match(old, /^whsec_/);
  await svix.endpoint.rotateSecret(app, id);
  assert.notEqual((await svix.endpoint.getSecret(app, id)).key, old);
  const key = `whsec_${"C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}`;
  await svix.endpoint.rotateSecret(app, id, { key, gracePeriodSeconds: 60 });
  assert.equal((await svix.endpoint.getSecret(app, id)).key, key);
});

test("endpoint: sendExample", async () => {
  const app = await newApp("example");
  await svix.eventType.upsert("node.example", { description: "d" });
  const { id } = await svix.endpoint.create(app, { url: receiver.url("/node-example") });
  const message = await svix.endpoint.sendExample(app, id, { eventType: "node.example" });
  const [request] = await receiver.waitFor("/node-example", 1);
  assert.equal(request.headers["webhook-id"], message.id);
});

test("endpoint: recover and stats", async () => {
  const app = await newApp("recover");
  const { id } = await svix.endpoint.create(app, { url: receiver.url("/node-recover") });
  receiver.replies.set("/node-recover", [500]);
  const message = await post(app);
  await waitForState(app, message.id, id, "fail");
  receiver.replies.set("/node-recover", [204]);
  const task = await svix.endpoint.recover(app, id, { since: LONG_AGO });
  assert.equal(task.task, BackgroundTaskType.EndpointRecover);
  assert.ok(!Number.isNaN(task.updatedAt.getTime()));
  await waitForState(app, message.id, id, "success");
  const stats = await until("one success", async () => {
    const found = await svix.endpoint.getStats(app, id, { since: LONG_AGO });
    return found.success === 1 && found;
  });
  assert.deepEqual(stats, { success: 1, pending: 0, sending: 0, fail: 0, canceled: 0 });
});

test("message: every operation", async () => {
  const app = await newApp("message");
  const given = { eventType: "user.created", payload: { n: 1, é: "ü" }, eventId: "order-1", channels: ["red"] };
  const made = await svix.message.create(app, given, { withContent: true });
  assert.match(made.id, /^msg_/);
  assert.deepEqual([made.payload, made.eventId, made.channels], [given.payload, "order-1", ["red"]]);
  assert.equal((await svix.message.get(app, "order-1")).id, made.id);
  assert.deepEqual((await svix.message.get(app, made.id)).payload, {});
  await refused(409, svix.message.create(app, given));
  const found = async (more) => (await svix.message.list(app, { limit: 10, ...more })).data.map((one) => one.id);
  for (const more of [{}, { eventTypes: ["user.created", "x.y"] }, { channel: "red" }, { after: LONG_AGO }]) {
    assert.deepEqual(await found(more), [made.id], JSON.stringify(more));
  }
  for (const more of [{ eventTypes: ["x.y"] }, { channel: "blue" }, { before: LONG_AGO }]) {
    assert.deepEqual(await found(more), [], JSON.stringify(more));
  }
  await svix.message.expungeContent(app, made.id);
  assert.notDeepEqual((await svix.message.get(app, made.id, { withContent: true })).payload, given.payload);
});

test("message: idempotency key", async () => {
  const app = await newApp("idempotency");
  const options = { idempotencyKey: `node-${app}` };
  const message = { eventType: "a.b", payload: { n: 1 } };
  const first = await svix.message.create(app, message, options);
  assert.deepEqual(await svix.message.create(app, message, options), first);
  assert.equal((await svix.message.list(app)).data.length, 1);
  await refused(409, svix.message.create(app, { ...message, payload: { n: 2 } }, options));
});

test("attempts: list, get, expunge", async () => {
  const app = await newApp("attempts");
  const { id } = await svix.endpoint.create(app, { url: receiver.url("/node-attempts") });
  receiver.replies.set("/node-attempts", [500, 200]);
  const message = (await post(app)).id;
  const done = await waitForState(app, message, id, "success");
  assert.deepEqual([done.status, done.nextAttempt ?? null], [MessageStatus.Success, null]);
  const both = (await svix.messageAttempt.listByMsg(app, message, { withContent: true })).data;
  assert.deepEqual(both.map((one) => one.response).sort(), ["said 200", "said 500"]);
  const listed = async (more) => (await svix.messageAttempt.listByEndpoint(app, id, more)).data;
  assert.equal((await listed({ status: MessageStatus.Fail })).length, 1);
  assert.equal((await listed({ statusCodeClass: 500 })).length, 1);
  assert.equal((await listed({ withMsg: true }))[0].msg.id, message);
  assert.deepEqual(await listed({ before: LONG_AGO }), []);
  const attempt = await svix.messageAttempt.get(app, message, both[0].id);
  assert.deepEqual([attempt.id, attempt.msgId, attempt.endpointId], [both[0].id, message, id]);
  await svix.messageAttempt.expungeContent(app, message, both[0].id);
  assert.doesNotMatch((await svix.messageAttempt.get(app, message, both[0].id)).response, /^said/);
  const messages = await svix.messageAttempt.listAttemptedMessages(app, id, { status: MessageStatus.Success });
  assert.deepEqual(messages.data.map((one) => one.id), [message]);
});

test("attempts: resend", async () => {
  const app = await newApp("resend");
  const { id } = await svix.endpoint.create(app, { url: receiver.url("/node-resend") });
  const message = (await post(app)).id;
  await waitForState(app, message, id, "success");
  await svix.messageAttempt.resend(app, message, id);
  const [first, second] = await receiver.waitFor("/node-resend", 2);
  assert.deepEqual([second.body, second.headers["webhook-id"]], [first.body, first.headers["webhook-id"]]);
  await until("a manual attempt", async () => {
    const { data } = await svix.messageAttempt.listByMsg(app, message);
    return data.some((one) => one.triggerType === MessageAttemptTriggerType.Manual);
  });
});

test("health and authentication", async () => {
  await svix.health.get();
  assert.equal((await fetch(`${server.url}/api/v1/health/ping`)).status, 204);
  const access = await svix.authentication.appPortalAccess(await newApp("portal"), { readOnly: true });
  assert.match(access.url, /^http/);
  assert.ok(access.token);
  await svix.authentication.logout();
  await svix.health.get();
});

test("errors have the shape that the SDK reads", async () => {
  await refused(404, svix.application.get("app_nothing"));
  await refused(404, svix.application.get("../nothing"));
  await refused(401, client(server.url, `${KEY}x`).application.list());
  await refused(422, svix.application.create({ name: "" }));
  await refused(422, svix.message.create(await newApp("errors"), { eventType: "a b", payload: {} }));
  await refused(422, svix.endpoint.create(await newApp("errors"), { url: "ftp://example.com/" }));
});
