// A running Cornet, a receiver, and the official Svix SDK as its client, for the suites in this folder.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Svix } from "svix";

export const KEY = "sdk-suite-key-0123456789-0123456789-0123456789";
const PATIENCE_MS = 30_000;

/** Starts a server on a folder of its own; `stop` ends it and removes the folder. */
export async function startServer() {
  const folder = await mkdtemp(join(tmpdir(), "cornet-"));
  const env = {
    PATH: process.env.PATH,
    CORNET_API_KEY: KEY,
    CORNET_ALLOW_NETWORKS: "127.0.0.0/8",
    CORNET_RETRY_SCHEDULE: "50ms,50ms",
  };
  const args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", join(folder, "data")];
  const child = spawn(process.env.CORNET_BIN, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => child.on("close", resolve));
  const url = await servingUrl(child);
  const stop = async () => {
    child.kill("SIGTERM");
    const code = await ended;
    await rm(folder, { recursive: true });
    assert.equal(code, 0, "the server ends well when asked to");
  };
  return { url, stop };
}

async function servingUrl(child) {
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const lines = createInterface({ input: child.stderr });
  let written = "";
  const url = await new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      written += `${line}\n`;
      const address = line.includes('"message":"serving"') && line.match(/"address":"([^"]+)"/);
      if (address) resolve(`http://${address[1]}`);
    });
    child.on("error", reject);
    lines.on("close", () => reject(new Error(`the server did not come to serve; it wrote:\n${written}`)));
  }).finally(() => clearTimeout(timer));
  return url;
}

/** Records every request; answers as told for each path, 204 else. The last reply of a path stays. */
export class Receiver {
  requests = [];
  replies = new Map();
  #waiting = [];

  async start() {
    this.server = createServer(async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      this.requests.push({ path: request.url, headers: request.headers, body: Buffer.concat(parts) });
      const replies = this.replies.get(request.url) ?? [204];
      const status = replies.length > 1 ? replies.shift() : replies[0];
      response.writeHead(status).end(status === 204 ? undefined : `said ${status}`);
      this.#waiting = this.#waiting.filter((check) => !check());
    });
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }

  url(path) {
    return `http://127.0.0.1:${this.server.address().port}${path}`;
  }

  /** Waits for the count-th request to a path; returns all of them. */
  async waitFor(path, count) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited in vain for ${count} requests to ${path}`)), PATIENCE_MS);
      const check = () => {
        const arrived = this.requests.filter((request) => request.path === path);
        if (arrived.length < count) return false;
        clearTimeout(timer);
        resolve(arrived);
        return true;
      };
      if (!check()) this.#waiting.push(check);
    });
  }
}

/** Asks the server again and again until it shows what is expected. */
export async function until(what, look) {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(performance.now() < deadline, `waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

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
