// A real delivery, verified by the official receiver library, and Ed25519 by an independent one.

import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { after, before, test } from "node:test";
import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { client, Receiver, startServer } from "./support.mjs";

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

async function deliver(path, payload, more = {}) {
  const app = (await svix.application.create({ name: path })).id;
  const { id } = await svix.endpoint.create(app, { url: receiver.url(path), ...more });
  await svix.message.create(app, { eventType: "user.created", payload });
  const [request] = await receiver.waitFor(path, 1);
  return { app, id, request };
}

test("a delivery verifies", async () => {
  const payload = { name: "Ada", text: "é \u{1f4ef}" };
  const { app, id, request } = await deliver("/verify", payload);
  const { key } = await svix.endpoint.getSecret(app, id);
  assert.deepEqual(new Webhook(key).verify(request.body.toString(), request.headers), payload);
  new SvixWebhook(key).verify(request.body, request.headers);
  assert.throws(() => new Webhook(key).verify(`${request.body} `, request.headers));
});

test("both secrets verify after a rotation", async () => {
  const { app, id } = await deliver("/rotate", { n: 1 });
  const old = (await svix.endpoint.getSecret(app, id)).key;
  await svix.endpoint.rotateSecret(app, id);
  const { key } = await svix.endpoint.getSecret(app, id);
  await svix.message.create(app, { eventType: "user.created", payload: { n: 2 } });
  const [, request] = await receiver.waitFor("/rotate", 2);
  for (const secret of [old, key]) {
    assert.deepEqual(new Webhook(secret).verify(request.body.toString(), request.headers), { n: 2 });
  }
});

test("an Ed25519 delivery verifies", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const jwk = privateKey.export({ format: "jwk" });
  const bytes = Buffer.concat([Buffer.from(jwk.d, "base64url"), Buffer.from(jwk.x, "base64url")]);
  const { request } = await deliver("/ed25519", { n: 1 }, { secret: `whsk_${bytes.toString("base64")}` });
  const [version, signature] = request.headers["webhook-signature"].split(",");
  assert.equal(version, "v1a");
  const head = `${request.headers["webhook-id"]}.${request.headers["webhook-timestamp"]}.`;
  const signed = Buffer.concat([Buffer.from(head), request.body]);
  const publicKey = createPublicKey(privateKey);
  assert.ok(verify(null, signed, publicKey, Buffer.from(signature, "base64")));
  assert.ok(!verify(null, Buffer.concat([signed, Buffer.from(" ")]), publicKey, Buffer.from(signature, "base64")));
});
