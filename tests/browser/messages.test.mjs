// Messages: found, looked at, resent, and shown harmless whatever they hold.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { useBrowser } from "./support/browser.mjs";
import { accessible } from "./support/look.mjs";
import { until, useReceiver, useServer } from "./support/server.mjs";
import { enterPortal } from "./support/sign_in.mjs";

const server = useServer();
const receiver = useReceiver();
const browser = useBrowser(server);
const made = {};

const send = (application, eventType, payload, more = {}) =>
  server.api(`/app/${application}/msg`, { body: { eventType, payload, ...more } });

/** Waits until a message has been tried so often. */
const tried = (application, id, attempts) =>
  until(`${id} was tried ${attempts} times`, async () => {
    const { data } = await server.api(`/app/${application}/attempt/msg/${id}`);
    return data.length >= attempts;
  });

before(async () => {
  await until("all is started", () => server.api && receiver.server?.listening);
  await server.api("/app", { body: { name: "One", uid: "one" } });
  await server.api("/app", { body: { name: "Two", uid: "two" } });
  await server.api("/app/one/endpoint", { body: { url: receiver.url("/good") } });
  await server.api("/app/one/endpoint", { body: { url: receiver.url("/other"), eventTypes: ["other.type"] } });
  made.two = await send("two", "other.secret", {});
  made.order = await send("one", "order.created", { total: 40.5 }, { eventId: "evt-1" });
  await tried("one", made.order.id, 1);
});

async function home(page) {
  await page.goto("/");
  return new URL(page.url()).pathname;
}

for (const javaScript of [true, false]) {
  const how = javaScript ? "with JavaScript" : "without JavaScript";

  test(`a message is found by its filters, ${how}`, async () => {
    const page = await browser.page({ signedIn: true, javaScript });
    await page.goto(`${await home(page)}/messages`);
    await page.getByLabel("Event type").fill("order.created");
    await page.getByRole("button", { name: "Apply" }).click();
    await page.waitForURL(/event_type=order\.created/);
    assert.equal(await page.locator("tbody tr").count(), 1);
    await page.getByRole("link", { name: "order.created" }).click();
    await page.getByText("The endpoint took it.").waitFor();
    await page.getByText("is not subscribed to").waitFor();
  });

  test(`an id leads to its message, ${how}`, async () => {
    const page = await browser.page({ signedIn: true, javaScript });
    const list = `${await home(page)}/messages`;
    await page.goto(list);
    await page.getByLabel("Go to").fill(made.order.id);
    await page.getByRole("button", { name: "Apply" }).click();
    await page.waitForURL(new RegExp(`/messages/${made.order.id}$`));
    await page.goto(`${list}?application=one&id=evt-1`);
    assert.match(page.url(), new RegExp(`/messages/${made.order.id}$`));
    await page.goto(`${list}?id=evt-1`);
    await page.getByText("An event id is looked up in one application").waitFor();
    await page.goto(`${list}?application=one&event_type=no.such`);
    await page.getByRole("link", { name: "Clear the filters" }).click();
    await page.waitForURL(new RegExp(`${list}$`));
  });

  test(`a message is resent, ${how}`, async () => {
    const page = await browser.page({ signedIn: true, javaScript });
    const message = await send("one", "order.resent", { n: 1 });
    await tried("one", message.id, 1);
    await page.goto(`${await home(page)}/applications/one/messages/${message.id}`);
    await page.getByRole("button", { name: /^Resend/ }).click();
    await page.getByText("Queued to be sent again").waitFor();
    await tried("one", message.id, 2);
    await until("both are shown", async () => {
      if (!javaScript) await page.reload();
      return (await page.getByText("asked for").count()) === 1;
    });
  });

  test(`an attempt tells what was sent and answered, ${how}`, async () => {
    const page = await browser.page({ signedIn: true, javaScript });
    await page.goto(`${await home(page)}/applications/one/messages/${made.order.id}`);
    await page.getByRole("link", { name: "Details of attempt 1" }).click();
    await page.getByText("webhook-signature").first().waitFor();
    await page.getByText("As a curl command").click();
    assert.match(await page.locator("#request-curl").textContent(), /--data-raw '\{"total":40\.5\}'/);
    await accessible(page);
  });
}

test("a payload is deleted after a question", async () => {
  const page = await browser.page({ signedIn: true });
  const message = await send("one", "order.deleted", { secret: "to-be-gone" });
  await page.goto(`${await home(page)}/applications/one/messages/${message.id}`);
  await page.getByRole("link", { name: "Delete", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete the payload" }).click();
  await page.getByText("The payload has been deleted").waitFor();
  assert.equal(await page.getByText("to-be-gone").count(), 0);
});

test("a payload is downloaded as a file that no browser runs", async () => {
  const page = await browser.page({ signedIn: true });
  const answer = await page.request.get(`${await home(page)}/applications/one/messages/${made.order.id}/payload`);
  assert.equal(await answer.text(), `{"total":40.5}`);
  const headers = answer.headers();
  assert.equal(headers["content-type"], "application/octet-stream");
  assert.match(headers["content-disposition"], /^attachment; filename="payload\.json"$/);
  assert.match(headers["content-security-policy"], /sandbox/);
  assert.equal(headers["x-content-type-options"], "nosniff");
});

test("the portal has its logs, and nobody else's", async () => {
  const page = await browser.page();
  await enterPortal(page, server, "one");
  const portal = new URL(page.url()).pathname;
  await page.goto(`${portal}/messages`);
  await page.getByRole("heading", { name: "Logs" }).waitFor();
  assert.equal(await page.getByText("other.secret").count(), 0);
  await page.getByRole("link", { name: "order.created" }).click();
  await page.getByText("The endpoint took it.").waitFor();
  assert.equal(await page.getByRole("link", { name: "Delete", exact: true }).count(), 0);
  await page.getByRole("link", { name: "Details of attempt 1" }).click();
  await page.getByText("webhook-signature").first().waitFor();
  assert.equal(await page.getByText("Address", { exact: true }).count(), 0);
  for (const path of [`${portal}/messages/${made.two.id}`, `${portal}/messages/${made.order.id}/payload/delete`]) {
    assert.equal((await page.request.get(path)).status(), 404, path);
  }
});
