// Chromium as a person would use it, and what the pages must not do behind that person's back.

import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";
import { chromium } from "playwright-core";
import { signIn } from "./sign_in.mjs";

const PATIENCE_MS = 15_000;
const HEIGHTS = { 390: 844 };
const USUAL_HEIGHT = 800;

/** Nothing may go to the internet: no name but this machine's is known, and nothing is fetched in the background. */
const FLAGS = [
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
  "--no-proxy-server",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-domain-reliability",
  "--disable-sync",
  "--disable-gpu",
  "--font-render-hinting=none",
];

/**
 * A Chromium for a test file; `site.url` is where its pages are. What a test opens is closed when that test ends, and
 * the test fails when a page made any noise.
 */
export function useBrowser(site) {
  const browser = new Browser(site);
  before(() => browser.start());
  afterEach(async () => {
    await browser.endPages().catch((error) => {
      // The runner drops what a hook says about a test that failed already; it may be the very cause.
      console.error(error.message);
      throw error;
    });
  });
  after(() => browser.stop());
  return browser;
}

/** What `useBrowser` gives; scripts, which have no hooks, start and stop it themselves. */
export class Browser {
  #site;
  #chromium;
  #pages = [];
  #session;

  constructor(site) {
    this.#site = site;
  }

  async start() {
    this.#chromium = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      // Chromium has no sandbox for root.
      chromiumSandbox: process.getuid() !== 0,
      args: FLAGS,
    });
  }

  async stop() {
    await this.#chromium?.close();
  }

  /**
   * Opens a page of its own context: no cookies but the session if `signedIn`. Paths are those of the site. Besides
   * what Playwright's page can do, it has `quiet`, which fails on what went wrong until now, and `expectNoise`.
   * Requests may go to the site, and to `origins`.
   */
  async page({ javaScript = true, theme = "light", width = 1280, signedIn = false, origins = [] } = {}) {
    const context = await this.#chromium.newContext({
      baseURL: this.#site.url,
      colorScheme: theme,
      viewport: { width, height: HEIGHTS[width] ?? USUAL_HEIGHT },
      javaScriptEnabled: javaScript,
      storageState: signedIn ? await this.#signedIn() : undefined,
      reducedMotion: "reduce",
      locale: "en-GB",
      timezoneId: "UTC",
      permissions: ["clipboard-read", "clipboard-write"],
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const noise = new Noise(context, [this.#site.url, ...origins]);
    const page = await context.newPage();
    Object.assign(page, {
      javaScript,
      expectNoise: (pattern) => noise.expect(pattern),
      quiet: () => noise.none(),
    });
    this.#pages.push(page);
    return page;
  }

  /** Signs in once, and remembers how that is kept. */
  async #signedIn() {
    if (!this.#session) {
      const page = await this.page();
      await signIn(page, this.#site.key);
      this.#session = await page.context().storageState();
    }
    return this.#session;
  }

  /** Closes what was opened since the last time; fails when any of it made noise. */
  async endPages() {
    const pages = this.#pages.splice(0);
    const results = await Promise.allSettled(pages.map((page) => page.quiet()));
    await Promise.all(pages.map((page) => page.context().close()));
    const errors = results.filter((result) => result.status === "rejected").map((result) => result.reason);
    if (errors.length > 0) throw errors[0];
  }
}

/** What goes wrong in the pages of a context without anybody seeing it. */
class Noise {
  #context;
  #origins;
  #heard = [];
  #expected = [];

  constructor(context, urls) {
    this.#context = context;
    this.#origins = urls.map((url) => new URL(url).origin);
    context.on("console", (message) => this.#console(message));
    context.on("weberror", (error) => this.#heard.push(`uncaught: ${error.error().stack ?? error.error()}`));
    context.on("request", (request) => this.#request(request));
    context.on("requestfailed", (request) => this.#failed(request));
    context.on("dialog", (dialog) => this.#dialog(dialog));
    context.on("page", (page) => page.on("crash", () => this.#heard.push(`crashed: ${page.url()}`)));
  }

  /** Says that something is to go wrong: noise that matches is allowed, and must come. */
  expect(pattern) {
    this.#expected.push({ pattern, came: false });
  }

  async none() {
    // Noise comes in the order of what is asked; an answer of each page therefore comes after its noise.
    await Promise.all(this.#context.pages().map((page) => page.title().catch(() => {})));
    for (const expected of this.#expected) {
      const rest = this.#heard.filter((line) => !expected.pattern.test(line));
      expected.came ||= rest.length < this.#heard.length;
      this.#heard = rest;
    }
    const complaints = this.#heard.splice(0);
    const missing = this.#expected.filter((expected) => !expected.came);
    complaints.push(...missing.map((expected) => `expected, but it did not come: ${expected.pattern}`));
    assert.ok(complaints.length === 0, `the page is not quiet:\n  ${complaints.join("\n  ")}`);
  }

  #console(message) {
    if (!["error", "warning"].includes(message.type())) return;
    this.#heard.push(`console: ${message.text()} (${message.location().url})`);
  }

  #request(request) {
    const url = new URL(request.url());
    if (!url.protocol.startsWith("http") || this.#origins.includes(url.origin)) return;
    this.#heard.push(`a request to a stranger: ${request.method()} ${url}`);
  }

  #failed(request) {
    const { errorText } = request.failure();
    // So ends what a page is still waiting for when the person goes on to the next page.
    if (errorText === "net::ERR_ABORTED") return;
    this.#heard.push(`failed: ${request.method()} ${request.url()}: ${errorText}`);
  }

  #dialog(dialog) {
    this.#heard.push(`a dialog opened: ${dialog.type()} ${JSON.stringify(dialog.message())}`);
    dialog.dismiss().catch(() => {});
  }
}
