// The harness can fail: each check finds the fault that it is for, in pages made for that, and lets a good page pass.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { Browser, useBrowser } from "./support/browser.mjs";
import { briefHostile, hostile } from "./support/hostile.mjs";
import { accessible, focusVisible, harmless, noSideways } from "./support/look.mjs";
import { KEY, startServer, useReceiver } from "./support/server.mjs";
import { enterPortal, signIn } from "./support/sign_in.mjs";

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'";
const STYLE = `
  body { margin: 8px; font: 16px/1.5 sans-serif; color: #111; background: #fff }
  :focus-visible { outline: 2px solid #22c; outline-offset: 2px }
  .ringless:focus-visible { outline: none }
  .hidden { position: absolute; opacity: 0 }
  .hidden:focus-visible + span { box-shadow: 0 0 0 2px #22c }
  .wide { width: 2000px }
  .box { overflow-x: auto }
  .pale { color: #ccc }`;

const escaped = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
const document = (main, head = "") => `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
  <link rel="icon" href="data:,"><link rel="stylesheet" href="/style">${head}</head>
  <body><main><h1>A page</h1>${main}</main></body></html>`;
const enter = `<form method="post"><button>Continue</button></form>`;
const script = (path) => `<script type="module" src="${path}"></script>`;

const pages = {
  "/": document(`<p>Welcome</p>`),
  "/good": document(`<form><label>Name <input></label> <label><input type="checkbox" class="hidden"><span>Agree</span></label>
    <button>Save</button></form><div class="box" tabindex="0" role="region" aria-label="Log"><p class="wide">long</p></div>`),
  "/inline-script": document(`<script>console.log("never")</script>`),
  "/throws": document("", script("/throws.js")),
  "/alerts": document("", script("/alerts.js")),
  "/fetches": document("", script("/fetches.js")),
  "/missing-picture": document(`<img src="/nowhere.png" alt="">`),
  "/stranger": document(`<a href="http://stranger.invalid/">away</a>`),
  "/unlabelled": document(`<input>`),
  "/pale": document(`<p class="pale">hard to read</p>`),
  "/ringless": document(`<button class="ringless">Save</button>`),
  "/nameless": document(`<button></button>`),
  "/wide": document(`<p class="wide">wide</p>`),
  "/escaped": document(hostile.map(({ text }) => `<p><bdi>${escaped(text)}</bdi> and more</p>`).join("")),
  "/raw": document(hostile.find(({ name }) => name === "hostile-style").text),
  "/raw-attribute": document(`<i title="${hostile.find(({ name }) => name === "hostile-end-of-double-quotes").text}">x</i>`),
  "/raw-link": document(`<a href="${escaped(hostile.find(({ name }) => name === "hostile-disguised-link").text)}">x</a>`),
  "/turned": document(`<p>a ${hostile.find(({ name }) => name === "hostile-bidi-override").text} b</p>`),
  "/sign-in": document(`<form method="post"><label>API key <input type="password" name="key"></label><button>Sign in</button></form>`),
  "/portal/app_1/enter": document(enter, script("/submit.js")),
  "/portal/app_1": document(`<p>Endpoints</p>`),
};
const files = {
  "/favicon.ico": ["image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg"/>`],
  "/style": ["text/css", STYLE],
  "/throws.js": ["text/javascript", `throw new Error("a slip")`],
  "/alerts.js": ["text/javascript", `alert("look")`],
  "/fetches.js": ["text/javascript", `await fetch("/hangs-up").catch(() => {})`],
  "/submit.js": ["text/javascript", `document.forms[0].requestSubmit()`],
};

/** A site with those pages, that takes forms where Cornet does. */
function answer(request, response) {
  const { pathname } = new URL(request.url, "http://site");
  const to = { "/sign-in": "/", "/portal/app_1/enter": "/portal/app_1" }[pathname];
  if (request.method === "POST" && to) {
    response.writeHead(303, { location: to, "set-cookie": "session=1; HttpOnly; Path=/" }).end();
  } else if (pathname === "/hangs-up") {
    request.socket.destroy();
  } else if (pages[pathname]) {
    const headers = { "content-type": "text/html; charset=utf-8", "content-security-policy": POLICY };
    response.writeHead(200, headers).end(pages[pathname]);
  } else if (files[pathname]) {
    response.writeHead(200, { "content-type": files[pathname][0] }).end(files[pathname][1]);
  } else {
    response.writeHead(404).end("nothing here");
  }
}

const site = { key: KEY, api: async (path) => ({ url: `${site.url}${path.replace("/auth/app-portal-access", "/portal")}/enter?code=1` }) };
const http = createServer(answer);
before(async () => {
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  site.url = `http://127.0.0.1:${http.address().port}`;
});
const browser = useBrowser(site);
const receiver = useReceiver();
after(() => {
  http.close();
  http.closeAllConnections();
});

async function at(path, options) {
  const page = await browser.page(options);
  await page.goto(path);
  return page;
}

/** Expects that a check fails, and that it says this. */
const finds = (pattern, check) => assert.rejects(check, (error) => assert.match(error.message, pattern) ?? true);

for (const javaScript of [true, false]) {
  const how = javaScript ? "with JavaScript" : "without JavaScript";

  test(`a good page passes, ${how}`, async () => {
    const page = await at("/good", { javaScript, theme: "dark", width: 390 });
    await accessible(page);
    await noSideways(page);
    assert.deepEqual(await focusVisible(page), [`textbox "Name"`, `checkbox "Agree"`, `button "Save"`, `region "Log"`]);
    await page.quiet();
  });

  test(`what is wrong for people is found, ${how}`, async () => {
    await finds(/label \(critical\)[^]*<input>/, accessible(await at("/unlabelled", { javaScript })));
    await finds(/color-contrast/, accessible(await at("/pale", { javaScript })));
    await finds(/no focus ring: <button class="ringless">/, focusVisible(await at("/ringless", { javaScript })));
    await finds(/no name: <button>/, focusVisible(await at("/nameless", { javaScript })));
    await finds(/nothing takes the focus/, focusVisible(await at("/pale", { javaScript })));
    await finds(/wider than the window[^]*<p class="wide">/, noSideways(await at("/wide", { javaScript })));
  });

  test(`hostile text that stayed text passes, ${how}`, async () => {
    const shown = await harmless(await at("/escaped", { javaScript }), hostile);
    assert.deepEqual(shown, hostile.map(({ name }) => name));
  });

  test(`a person signs in, and enters the portal, ${how}`, async () => {
    const page = await browser.page({ javaScript });
    await signIn(page);
    await enterPortal(page, site, "app_1");
    assert.equal(await page.getByText("Endpoints").count(), 1);
  });
}

test("hostile text that became more is found", async () => {
  const raw = await at("/raw");
  raw.expectNoise(/Content Security Policy/);
  await finds(/became markup: <style/, harmless(raw, hostile));
  await finds(/became a handler: <i/, harmless(await at("/raw-attribute", { javaScript: false }), hostile));
  await finds(/became a link: <a/, harmless(await at("/raw-link"), hostile));
  await finds(/turns the text around it/, harmless(await at("/turned"), hostile));
  await finds(/nothing of the corpus is shown/, harmless(await at("/good"), briefHostile));
});

test("noise fails the test that made it", async () => {
  const other = new Browser(site);
  await other.start();
  const noise = async (path) => {
    const page = await other.page();
    await page.goto(path);
    await page.waitForLoadState("networkidle");
    return other.endPages();
  };
  try {
    await finds(/Content Security Policy/, noise("/inline-script"));
    await finds(/uncaught: Error: a slip/, noise("/throws"));
    await finds(/a dialog opened: alert "look"/, noise("/alerts"));
    await finds(/failed: GET .*\/hangs-up/, noise("/fetches"));
    await finds(/console: .* 404 .*\/nowhere.png/, noise("/missing-picture"));
    await noise("/good");
  } finally {
    await other.stop();
  }
});

test("nothing goes to the internet", async () => {
  const page = await at("/stranger");
  await page.getByRole("link", { name: "away" }).click();
  await page.waitForURL("chrome-error://chromewebdata/");
  await finds(/a request to a stranger: GET http:\/\/stranger.invalid\/[^]*ERR_NAME_NOT_RESOLVED/, page.quiet());
});

test("noise that is expected must come", async () => {
  const page = await browser.page();
  page.expectNoise(/404 .*nowhere/);
  await finds(/expected, but it did not come/, page.quiet());
  await page.goto("/nowhere");
  await page.quiet();
});

test("a session is kept for the pages that ask for it", async () => {
  const page = await at("/", { signedIn: true });
  assert.equal((await page.context().cookies()).length, 1);
  assert.equal((await (await at("/")).context().cookies()).length, 0);
});

test("a receiver answers as told", async () => {
  receiver.replies.set("/told", [{ status: 201, headers: { "x-a": "b" }, body: "made" }, ({ body }) => Number(String(body))]);
  const made = await fetch(receiver.url("/told"), { method: "POST", body: "first" });
  assert.deepEqual([made.status, made.headers.get("x-a"), await made.text()], [201, "b", "made"]);
  assert.equal((await fetch(receiver.url("/told"), { method: "POST", body: "503" })).status, 503);
  const [first] = await receiver.waitFor("/told", 2);
  assert.equal(String(first.body), "first");
});

test("a server is asked through its API", async () => {
  const server = await startServer();
  try {
    const { id } = await server.api("/app", { body: { name: "One" } });
    assert.equal((await server.api(`/app/${id}`)).name, "One");
    assert.equal(await server.api(`/app/${id}`, { method: "DELETE" }), undefined);
    await assert.rejects(server.api(`/app/${id}`), { status: 404 });
    await assert.rejects(server.api("/app", { key: "wrong" }), { status: 401 });
  } finally {
    await server.stop();
  }
});
