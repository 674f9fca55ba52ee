// A Cornet and a receiver that live as long as a test file.

import { after, before } from "node:test";
import { Receiver } from "../../support/receiver.mjs";
import { startServer } from "../../support/server.mjs";

export { Receiver } from "../../support/receiver.mjs";
export { apiOf, KEY, startServer, until } from "../../support/server.mjs";

/** A Cornet from before the first test of a file until after its last; the same as what `startServer` returns. */
export function useServer(options) {
  const server = {};
  before(async () => Object.assign(server, await startServer(options)));
  after(() => server.stop?.());
  return server;
}

/** A receiver from before the first test of a file until after its last. */
export function useReceiver() {
  const receiver = new Receiver();
  before(() => receiver.start());
  after(() => receiver.server && receiver.stop());
  return receiver;
}
