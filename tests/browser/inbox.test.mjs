// Inboxes: a receiver in a click, and instant feedback on what comes (B31).

import assert from "node:assert/strict";
import { test } from "node:test";
import { useBrowser } from "./support/browser.mjs";
import { beginning, hostile } from "./support/hostile.mjs";
import { accessible, harmless } from "./support/look.mjs";
import { until, useServer } from "./support/server.mjs";

const server = useServer();
const browser = useBrowser(server);

/** An application of its own, with an endpoint at a new inbox. */
async function scene(uid) {
  const inbox = await server.api("/inbox", { body: { name: `Inbox of ${uid}` } });
  await server.api("/app", { body: { name: uid, uid } });
  const endpoint = await server.api(`/app/${uid}/endpoint`, { body: { url: inbox.url } });
  const post = (payload, eventType = "order.created") =>
    server.api(`/app/${uid}/msg`, { body: { eventType, payload } });
  const requests = async () => (await server.api(`/inbox/${inbox.id}/request`)).data;
  return { ...inbox, uid, endpoint, post, requests };
}

const path = (inbox) => new URL(inbox.url).pathname;
const listed = (page) => page.locator(".requests li");

test("B31: what is sent to an inbox is seen at once, with its payload and its signature checked", async () => {
  const inbox = await scene("feedback");
  const page = await browser.page();
  await page.goto(path(inbox));
  await page.getByText("Waiting for the first request").waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await inbox.post({ type: "order.created", total: 40.5, customer: { name: "Ada" } });
  await page.getByText("Verified", { exact: true }).first().waitFor();
  assert.equal(await listed(page).count(), 1);
  assert.match(await page.locator(".json").textContent(), /total: 40\.5.*name: "Ada"/s);
  assert.match(await page.locator("#request").textContent(), new RegExp(`the secret of the endpoint ${inbox.endpoint.id}`));

  await fetch(inbox.url, { method: "POST", body: "by hand" });
  await page.getByText("Unsigned", { exact: true }).first().waitFor();
  assert.equal(await listed(page).count(), 2);
  assert.match(await page.locator("#request").textContent(), /The header webhook-id is missing\./);
  await accessible(page);
});

for (const javaScript of [true, false]) {
  const how = javaScript ? "with JavaScript" : "without JavaScript";

  test(`an inbox is made, looked into, told what to answer, cleared and deleted, ${how}`, async () => {
    const page = await browser.page({ signedIn: true, javaScript });
    page.expectNoise(/422/);
    const { data } = await server.api("/management/environment");
    const list = `/environments/${data[0].id}/inboxes`;
    await page.goto(list);
    await page.getByRole("button", { name: "New inbox" }).first().click();
    await page.waitForURL(/\/inbox\/[\w-]{24}$/);
    const { href, pathname } = new URL(page.url());
    assert.equal(await page.locator("#url").textContent(), href);

    const name = `Mine ${how}`;
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Status").fill("700");
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator("#status-error").waitFor();
    assert.equal(await page.getByLabel("Name").inputValue(), name);
    await page.getByLabel("Status").fill("503");
    await page.getByLabel("Body").fill("Not today.");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.", { exact: true }).waitFor();
    const answer = await fetch(href, { method: "PUT", body: '{"n": 1}' });
    assert.deepEqual([answer.status, await answer.text()], [503, "Not today."]);

    await page.goto(pathname);
    assert.match(await page.locator("#request").textContent(), /Answered503 at once/);
    await page.getByRole("link", { name: "Text", exact: true }).click();
    assert.equal(await page.locator("#body-text").textContent(), '{"n": 1}');
    await page.getByRole("link", { name: "Clear" }).click();
    await page.getByRole("button", { name: "Clear" }).click();
    await page.getByText("Waiting for the first request").waitFor();

    await page.goto(list);
    await page.getByRole("link", { name: `Delete ${name}`, exact: true }).click();
    await page.getByRole("button", { name: "Delete inbox" }).click();
    await page.getByText("Deleted.", { exact: true }).waitFor();
    assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0);
    assert.equal((await fetch(href)).status, 404);
  });
}

test("an older request stays while newer ones come", async () => {
  const inbox = await scene("older");
  await inbox.post({ type: "first" });
  await until("the first has come", async () => (await inbox.requests()).length === 1);
  const page = await browser.page();
  await page.goto(path(inbox));
  await listed(page).getByRole("link", { name: /first/ }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  await inbox.post({ type: "second" });
  await listed(page).nth(1).waitFor();
  assert.match(await page.locator("#request h2").first().textContent(), /first/);
});

test("what another site sends to an inbox's page changes nothing, and what is below an inbox it receives", async () => {
  const inbox = await scene("foreign");
  const token = path(inbox).split("/")[2];
  const send = (headers) =>
    fetch(`${server.url}/inboxes/${token}/clear`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      body: "",
      redirect: "manual",
    });
  await fetch(`${inbox.url}/answer`, { method: "POST", body: "name=x&status=500" });
  assert.equal((await send({ origin: "https://evil.example" })).status, 403);
  assert.equal((await inbox.requests()).length, 1);
  assert.equal((await send({ origin: server.url })).status, 303);
  assert.equal((await inbox.requests()).length, 0);
});

test("hostile names, paths, headers and bodies stay text in an inbox", async () => {
  const inbox = await scene("hostile");
  const page = await browser.page();
  for (const { text } of hostile) {
    const brief = beginning(text);
    const body = JSON.stringify({ type: brief, [brief]: text });
    await fetch(`${inbox.url}/${encodeURIComponent(brief)}`, { method: "POST", body, headers: { "x-hostile": encodeURI(brief) } });
  }
  const requests = await inbox.requests();
  assert.equal(requests.length, hostile.length);
  for (const { id } of requests) {
    for (const view of ["", "&body=text"]) {
      await page.goto(`${path(inbox)}?request=${id}${view}`);
      await harmless(page, hostile);
    }
  }
});
