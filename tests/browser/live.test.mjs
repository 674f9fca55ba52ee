// What happens appears in the pages that are open, without a reload.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { useBrowser } from "./support/browser.mjs";
import { makeScene, tried } from "./support/scene.mjs";
import { until, useReceiver, useServer } from "./support/server.mjs";
import { enterPortal } from "./support/sign_in.mjs";

const server = useServer();
const receiver = useReceiver();
const browser = useBrowser(server);

const scenes = {};
beforeEach(async () => {
  scenes.one ??= await makeScene(server, receiver);
});

/** Opens a page whose news have begun; a mark in it tells whether it is the same page later. */
async function watch(page, path) {
  await page.goto(path);
  await page.getByText("Live", { exact: true }).waitFor();
  await page.evaluate(() => document.documentElement.setAttribute("data-not-reloaded", ""));
  return page;
}

async function operatorAt(tail) {
  return watch(await browser.page({ signedIn: true }), `/environments/${scenes.one.environment.id}${tail}`);
}

const post = () => scenes.one.api(`/app/${scenes.one.app.id}/msg`, { body: { eventType: scenes.one.eventType, payload: { id: "2" } } });

/** Waits until a page shows something, and asserts that it is still the page that was opened. */
async function comes(page, locator) {
  await locator.first().waitFor();
  assert.equal(await page.locator("html[data-not-reloaded]").count(), 1, "the page was not loaded anew");
}

test("new messages appear in the list, lit up", async () => {
  const page = await operatorAt("/messages");
  const { id } = await post();
  await comes(page, page.locator(`[id="${id}"]`));
  assert.equal(await page.locator(`[id="${id}"].new`).count(), 1);
});

test("what was tried appears at the end of the overview", async () => {
  const page = await operatorAt("");
  const { id } = await post();
  await comes(page, page.locator(`main a[href*="${id}"]`));
});

test("what was tried appears on the message's page", async () => {
  const { one } = scenes;
  const page = await operatorAt(`/applications/${one.app.id}/messages/${one.message.id}`);
  const before = await page.getByRole("link", { name: /^Details of attempt/ }).count();
  await one.api(`/app/${one.app.id}/msg/${one.message.id}/endpoint/${one.endpoint.id}/resend`, { method: "POST", body: {} });
  await comes(page, page.getByRole("link", { name: /^Details of attempt/ }).nth(before));
});

test("what was tried appears among an endpoint's deliveries", async () => {
  const { one } = scenes;
  const page = await operatorAt(`/applications/${one.app.id}/endpoints/${one.endpoint.id}/deliveries`);
  const { id } = await post();
  await comes(page, page.locator(`main a[href*="${id}"]`));
});

test("new messages appear in the consumer's logs", async () => {
  const { one } = scenes;
  const page = await browser.page();
  await enterPortal(page, one, one.app.id);
  await watch(page, `/portal/${one.app.id}/messages`);
  const { id } = await post();
  await comes(page, page.locator(`[id="${id}"]`));
});

test("new requests appear in an inbox", async () => {
  const { one } = scenes;
  const page = await watch(await browser.page(), new URL(one.inbox.url).pathname);
  await fetch(one.inbox.url, { method: "POST", body: '{"type": "parcel.found"}' });
  await comes(page, page.locator("#requests").getByText("parcel.found"));
});

test("a page that was hidden has what came meanwhile when it is shown again", async () => {
  const page = await operatorAt("/messages");
  const hide = (hidden) =>
    page.evaluate((value) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  await hide(true);
  const { id } = await post();
  await tried(scenes.one.api, scenes.one.app.id, id, 1);
  await hide(false);
  await comes(page, page.locator(`[id="${id}"]`));
});

test("what a person is typing is not taken away by what happens", async () => {
  const page = await operatorAt("/messages");
  await page.getByLabel("Event type").fill("half a na");
  const { id } = await post();
  await comes(page, page.locator(`[id="${id}"]`));
  assert.equal(await page.getByLabel("Event type").inputValue(), "half a na");
  await until("the field keeps the focus", () => page.getByLabel("Event type").evaluate((field) => field === document.activeElement));
});

test("a link that has the focus keeps it when its list is made anew", async () => {
  const page = await operatorAt("/messages");
  const { id } = await post();
  const link = page.locator(`[id="${id}"] a`).first();
  await comes(page, link);
  const old = await link.elementHandle();
  await old.focus();
  await comes(page, page.locator(`[id="${(await post()).id}"]`));
  await until("the list was made anew", () => old.evaluate((element) => !element.isConnected));
  assert.ok(await link.evaluate((element) => element === document.activeElement));
});
