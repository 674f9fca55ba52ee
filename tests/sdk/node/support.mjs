// The official Svix SDK as a client of a running Cornet, for the suites in this folder.

import assert from "node:assert/strict";
import { Svix } from "svix";
import { KEY } from "../../support/server.mjs";

export { Receiver } from "../../support/receiver.mjs";
export { KEY, startServer, until } from "../../support/server.mjs";

/** The unmodified client of the server. */
export function client(url, key = KEY) {
  return new Svix(key, { serverUrl: url, retryScheduleInMs: [] });
}

/** Expects a refusal of that status in the shape that the SDK reads; returns its body. */
export async function refused(status, promise) {
  const error = await promise.then(
    () => assert.fail(`expected status ${status}, but it succeeded`),
    (caught) => caught,
  );
  assert.equal(error.code, status, `${error}`);
  if (status === 422) {
    const [item] = error.body.detail;
    assert.ok(Array.isArray(item.loc) && item.msg && item.type, JSON.stringify(error.body));
  } else {
    assert.ok(error.body.code && typeof error.body.detail === "string", JSON.stringify(error.body));
  }
  return error.body;
}
