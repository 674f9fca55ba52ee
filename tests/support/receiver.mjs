// A receiver of webhooks over real HTTP, for the suites that are written in JavaScript.

import { createServer } from "node:http";
import { PATIENCE_MS } from "./server.mjs";

/** Records every request; answers as told for each path, 204 else. The last reply of a path stays. */
export class Receiver {
  requests = [];
  /** By path, a list of replies: a status, `{ status, headers, body }`, or a function of the request that makes one. */
  replies = new Map();
  #waiting = [];

  async start() {
    this.server = createServer(async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      const arrived = { path: request.url, headers: request.headers, body: Buffer.concat(parts) };
      this.requests.push(arrived);
      this.#waiting = this.#waiting.filter((check) => !check());
      const { status = 200, headers = {}, body } = await this.#reply(arrived);
      response.writeHead(status, headers).end(body);
    });
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  async #reply(request) {
    const replies = this.replies.get(request.path) ?? [204];
    const next = replies.length > 1 ? replies.shift() : replies[0];
    const reply = typeof next === "function" ? await next(request) : next;
    if (typeof reply !== "number") return reply;
    return { status: reply, body: reply === 204 ? undefined : `said ${reply}` };
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
