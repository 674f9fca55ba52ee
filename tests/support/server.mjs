// A running Cornet, for the suites that are written in JavaScript.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The admin key of every server that these suites start. */
export const KEY = "suite-key-0123456789-0123456789-0123456789";

/** How long a suite waits for what must come. */
export const PATIENCE_MS = 30_000;

/**
 * Starts a server on a folder of its own; `env` adds to its settings. `stop` ends it and removes the folder, and
 * `api("/app", { body })` asks its API and returns the JSON of the answer.
 */
export async function startServer({ env = {} } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "cornet-"));
  const settings = {
    PATH: process.env.PATH,
    CORNET_API_KEY: KEY,
    CORNET_ALLOW_NETWORKS: "127.0.0.0/8",
    CORNET_RETRY_SCHEDULE: "50ms,50ms",
    ...env,
  };
  const args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", join(folder, "data")];
  const child = spawn(binary(), args, { env: settings, stdio: ["ignore", "ignore", "pipe"] });
  const leaveNoOrphan = () => child.kill("SIGKILL");
  process.once("exit", leaveNoOrphan);
  const ended = new Promise((resolve) => child.on("close", resolve));
  const url = await servingUrl(child);
  const stop = async () => {
    child.kill("SIGTERM");
    const code = await ended;
    process.removeListener("exit", leaveNoOrphan);
    await rm(folder, { recursive: true });
    assert.equal(code, 0, "the server ends well when asked to");
  };
  return { url, key: settings.CORNET_API_KEY, api: apiOf(url, settings.CORNET_API_KEY), stop };
}

function binary() {
  assert.ok(process.env.CORNET_BIN, "CORNET_BIN must name the binary to test, such as target/debug/cornet");
  return process.env.CORNET_BIN;
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

/** What asks the API below `/api/v1`. A body makes it a POST; a refusal throws, with its `status` and `answer`. */
export function apiOf(url, serverKey) {
  return async (path, { method, body, key = serverKey } = {}) => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    const answer = text === "" ? undefined : JSON.parse(text);
    if (response.ok) return answer;
    const { status } = response;
    throw Object.assign(new Error(`${path}: ${status} ${text}`), { status, answer });
  };
}

/** Looks again and again until it sees what is expected. */
export async function until(what, look) {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(performance.now() < deadline, `waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
