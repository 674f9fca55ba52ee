// The consumer's portal: each seed's way of working as its documents tell it, with JavaScript and without. The numbers
// are those of the seeds' promises.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { useBrowser } from "./support/browser.mjs";
import { until, useReceiver, useServer } from "./support/server.mjs";
import { enterPortal } from "./support/sign_in.mjs";

const server = useServer();
const receiver = useReceiver();
const browser = useBrowser(server);

let count = 0;
/** An environment with this preset, and a new application in it. */
async function makePlatform(preset) {
  const name = `${preset} ${++count}`;
  const { id } = await server.api("/management/environment", { body: { name, type: "development", preset } });
  const { token } = await server.api(`/management/authentication/${id}/api-token`, { body: { name } });
  const api = (path, options) => server.api(path, { ...options, key: token });
  const app = await api("/app", { body: { name } });
  return { id, api, app: app.id, path: `/receiver/${count}` };
}

async function enter(platform, options, access) {
  const page = await browser.page(options);
  await enterPortal(page, platform, platform.app, access);
  return page;
}

const endpoints = async ({ api, app }) => (await api(`/app/${app}/endpoint`)).data;

/** A page that is refused says so in the console too. */
const refused = (page) => page.expectNoise(/status of 422/);

/** Whether a request has a right signature of Standard Webhooks. */
function isSigned({ headers, body }, secret) {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const signature = `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
  return headers["webhook-signature"].split(" ").includes(signature);
}

for (const javaScript of [true, false]) {
  const how = javaScript ? "with JavaScript" : "without JavaScript";
  /** What a link opens: a dialog where scripts run, elsewhere a page. */
  const opened = (page) => (javaScript ? page.getByRole("dialog") : page.getByRole("main"));

  test(`A9–A13: choose the event, enter your URL, click the plus sign, ${how}`, async () => {
    const platform = await makePlatform("rose-rocket");
    const page = await enter(platform, { javaScript });
    const way = await page.getByRole("navigation", { name: "Way to this page" }).getByRole("listitem").allInnerTexts();
    const title = await page.getByRole("heading", { level: 1 }).innerText();
    assert.equal([...way, title].join(" > "), "Settings > Advanced Settings > Webhooks");

    await page.getByLabel("Event", { exact: true }).selectOption({ label: "Order In Transit" });
    await page.getByLabel("URL", { exact: true }).fill(receiver.url(`${platform.path}/one`));
    await page.getByRole("button", { name: "Add webhook" }).click();
    const row = page.getByRole("row", { name: `${platform.path}/one` });
    await row.waitFor();
    assert.match(await row.innerText(), /Order In Transit[^]*Enabled/);

    // The same event once more, to another URL (A8, A14).
    await page.getByLabel("Event", { exact: true }).selectOption({ label: "Order In Transit" });
    await page.getByLabel("URL", { exact: true }).fill(receiver.url(`${platform.path}/two`));
    await page.getByLabel("URL", { exact: true }).press("Enter");
    await page.getByRole("row", { name: `${platform.path}/two` }).waitFor();
    const payload = { id: "42", status: "in-transit" };
    await platform.api(`/app/${platform.app}/msg`, { body: { eventType: "order.in_transit", payload } });
    for (const path of ["one", "two"]) {
      const [request] = await receiver.waitFor(`${platform.path}/${path}`, 1);
      assert.equal(JSON.parse(request.body).type, "order.in_transit");
    }

    await row.getByRole("link", { name: "Remove" }).click();
    await opened(page).getByRole("button", { name: "Delete endpoint" }).click();
    await page.getByText("Deleted.").waitFor();
    assert.equal(await row.count(), 0);
    assert.equal((await endpoints(platform)).length, 1);
  });

  test(`A10, A13: what is missing or no URL is said beside its field, and the rest stays, ${how}`, async () => {
    const platform = await makePlatform("rose-rocket");
    const page = await enter(platform, { javaScript });
    refused(page);
    await page.getByLabel("URL", { exact: true }).fill("somewhere/else");
    await page.getByRole("button", { name: "Add webhook" }).click();
    await page.getByText("Choose the event that you want to be notified about.").waitFor();
    assert.equal(await page.getByLabel("URL", { exact: true }).inputValue(), "somewhere/else");
    await page.getByLabel("Event", { exact: true }).selectOption({ label: "Task Completed" });
    await page.getByRole("button", { name: "Add webhook" }).click();
    await page.getByText("The URL must start with https://").waitFor();
    assert.equal(await page.getByLabel("Event", { exact: true }).inputValue(), "task.completed");
    assert.equal((await endpoints(platform)).length, 0);
  });

  test(`B3–B13: Add Webhook, Select Events, the URL, Save Webhook, and the summary, ${how}`, async () => {
    const platform = await makePlatform("shoprocket");
    const page = await enter(platform, { javaScript });
    assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), "Developer");
    assert.match(await page.getByRole("navigation", { name: "Way to this page" }).innerText(), /Settings/);
    await page.getByRole("link", { name: "Add Webhook" }).first().click();
    await page.locator("summary", { hasText: "Select Events" }).click();
    await page.getByRole("checkbox", { name: "order.created" }).check();
    await page.getByRole("checkbox", { name: "customer.deleted" }).check();
    assert.match(await page.locator("details.select").innerText(), /Fired when a customer is deleted/);

    refused(page);
    for (const url of ["/webhooks", "mysite.com/webhooks"]) {
      await page.getByLabel("URL", { exact: true }).fill(url);
      await page.getByRole("button", { name: "Save Webhook" }).click();
      await page.getByText("The URL must start with https://").waitFor();
      assert.equal(await page.getByLabel("URL", { exact: true }).inputValue(), url);
    }
    await page.getByLabel("URL", { exact: true }).fill(receiver.url(platform.path));
    await page.getByRole("button", { name: "Save Webhook" }).click();

    await page.getByRole("heading", { level: 1, name: "Webhook" }).waitFor();
    const summary = page.getByRole("region", { name: "Summary" });
    const [endpoint] = await endpoints(platform);
    assert.deepEqual(endpoint.eventTypes, ["order.created", "customer.deleted"]);
    const { key } = await platform.api(`/app/${platform.app}/endpoint/${endpoint.id}/secret`);
    const shown = await summary.innerText();
    for (const part of ["Enabled", "order.created", "customer.deleted", receiver.url(platform.path), key]) {
      assert.ok(shown.includes(part), `${part} is in the summary:\n${shown}`);
    }
    assert.ok(!shown.includes("order.updated"));

    await platform.api(`/app/${platform.app}/msg`, { body: { eventType: "order.created", payload: { id: "716" } } });
    const [request] = await receiver.waitFor(platform.path, 1);
    assert.ok(isSigned(request, key), "the secret key of the summary verifies what comes");
  });

  test(`B9–B11: a webhook is edited, switched off and on, and deleted from its summary, ${how}`, async () => {
    const platform = await makePlatform("shoprocket");
    const body = { url: receiver.url(platform.path), eventTypes: ["order.created"] };
    await platform.api(`/app/${platform.app}/endpoint`, { body });
    const page = await enter(platform, { javaScript });
    await page.getByRole("link", { name: platform.path }).click();
    const summary = page.getByRole("region", { name: "Summary" });
    const act = async (name, role = "button") => {
      await page.locator("summary", { hasText: "Actions" }).click();
      await page.getByRole(role, { name, exact: true }).click();
    };
    await act("Edit", "link");
    await page.locator("summary", { hasText: "order.created" }).click();
    await page.getByRole("checkbox", { name: "order.updated" }).check();
    await page.getByRole("button", { name: "Save Webhook" }).click();
    await summary.getByText("order.updated").waitFor();
    await act("Disable");
    await summary.getByText("Disabled").waitFor();
    assert.equal((await endpoints(platform))[0].disabled, true);
    await act("Enable");
    await summary.getByText("Enabled").waitFor();
    await act("Delete", "link");
    await opened(page).getByRole("button", { name: "Delete endpoint" }).click();
    await page.getByText("Deleted.").waitFor();
    assert.equal((await endpoints(platform)).length, 0);
  });

  test(`B20–B24: Send test data, choose which event, and see the response verified, ${how}`, async () => {
    const platform = await makePlatform("shoprocket");
    const body = { url: receiver.url(platform.path), eventTypes: ["order.created", "customer.updated"] };
    const endpoint = await platform.api(`/app/${platform.app}/endpoint`, { body });
    const { key } = await platform.api(`/app/${platform.app}/endpoint/${endpoint.id}/secret`);
    const well = { status: 201, headers: { "x-shop": "mine" }, body: "<b>thank you</b>" };
    receiver.replies.set(platform.path, [well, { status: 500, body: "out of order" }]);
    const page = await enter(platform, { javaScript });
    await page.getByRole("link", { name: platform.path }).click();
    await page.locator("summary", { hasText: "Actions" }).click();
    await page.getByRole("link", { name: "Send test data" }).click();
    const box = opened(page);
    await box.getByLabel("Event to test").waitFor();
    const choices = await box.getByLabel("Event to test").locator("option").allTextContents();
    assert.deepEqual(choices, ["Order created", "Customer updated"]);
    await box.getByLabel("Event to test").selectOption({ label: "Customer updated" });
    await box.getByRole("button", { name: "Send test data" }).click();
    await box.getByText("Response verified.").waitFor();
    const output = await box.innerText();
    for (const part of ["201", "x-shop: mine", "<b>thank you</b>", "ms"]) assert.ok(output.includes(part), output);

    const [request] = await receiver.waitFor(platform.path, 1);
    const sent = JSON.parse(request.body);
    assert.deepEqual([sent.type, sent.webhook_environment], ["customer.updated", "test"]);
    assert.ok(isSigned(request, key), "a test is signed like a real event");

    await box.getByRole("button", { name: "Send again" }).click();
    await box.getByText("Response not verified.").waitFor();
    assert.match(await box.innerText(), /500[^]*out of order/);
  });

  test(`B24: without a response the error is shown, ${how}`, async () => {
    const platform = await makePlatform("shoprocket");
    const body = { url: "http://127.0.0.1:1099/nobody", eventTypes: ["order.created"] };
    const endpoint = await platform.api(`/app/${platform.app}/endpoint`, { body });
    const page = await enter(platform, { javaScript });
    await page.goto(`/portal/${platform.app}/webhooks/${endpoint.id}/test`);
    await page.getByRole("button", { name: "Send test data" }).click();
    await page.getByText("No response.").waitFor();
    assert.match(await page.getByRole("main").innerText(), /refused the connection/);
  });

  test(`C12–C16: edit the grid, enter endpoints, turn on their status, save all rows, ${how}`, async () => {
    const platform = await makePlatform("shipengine");
    const page = await enter(platform, { javaScript });
    assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), "API Management");
    assert.equal(await page.getByRole("link", { name: "Webhooks", exact: true }).last().getAttribute("aria-current"), "page");
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await page.getByLabel("URL for Batch completed").fill(receiver.url(`${platform.path}/batch`));
    await page.getByRole("switch", { name: "Status of Batch completed" }).check();
    await page.getByLabel("URL for Any tracking event").fill(receiver.url(`${platform.path}/track`));
    await page.getByRole("switch", { name: "Status of Any tracking event" }).check();
    await page.getByLabel("URL for Carrier connected").fill(receiver.url(`${platform.path}/carrier`));
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    assert.match(await page.getByRole("row", { name: "Batch completed" }).innerText(), /batch[^]*Enabled/);
    assert.match(await page.getByRole("row", { name: "Carrier connected" }).innerText(), /carrier[^]*Disabled/);
    const made = (await endpoints(platform)).map(({ eventTypes, disabled }) => [eventTypes, disabled]);
    assert.deepEqual(made.map(([[name], disabled]) => `${name} ${disabled ? "off" : "on"}`).sort(), ["batch on", "carrier_connected off", "track on"]);

    // Another URL, one switched off and one emptied, at once.
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await page.getByLabel("URL for Batch completed").fill(receiver.url(`${platform.path}/other`));
    await page.getByRole("switch", { name: "Status of Any tracking event" }).uncheck();
    await page.getByLabel("URL for Carrier connected").fill("");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    const left = (await endpoints(platform)).map(({ url, disabled }) => `${new URL(url).pathname.split("/").at(-1)} ${disabled ? "off" : "on"}`);
    assert.deepEqual(left.sort(), ["other on", "track off"]);
    const payload = { resource_url: "https://api.shipengine.com/v1/batches/se-1" };
    await platform.api(`/app/${platform.app}/msg`, { body: { eventType: "batch", payload } });
    await receiver.waitFor(`${platform.path}/other`, 1);
  });

  test(`C5, C14, C16: a row that can't be saved says why, and nothing that was typed is lost, ${how}`, async () => {
    const platform = await makePlatform("shipengine");
    const page = await enter(platform, { javaScript });
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    refused(page);
    await page.getByLabel("URL for Batch completed").fill(receiver.url(`${platform.path}/batch`));
    await page.getByLabel("URL for Carrier connected").fill("not a URL");
    await page.getByRole("switch", { name: "Status of Shipment rate updated" }).check();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Not everything could be saved").waitFor();
    const said = async (event) => (await page.getByRole("row", { name: event }).locator(".error").allInnerTexts()).join();
    assert.equal(await said("Batch completed"), "");
    assert.match(await said("Carrier connected"), /URL/);
    assert.match(await said("Shipment rate updated"), /Enter the URL/);
    assert.equal(await page.getByLabel("URL for Batch completed").inputValue(), receiver.url(`${platform.path}/batch`));
    assert.equal(await page.getByLabel("URL for Carrier connected").inputValue(), "not a URL");
    assert.equal((await endpoints(platform)).length, 0);
  });

  test(`C10, C11, B31: the form warns that an endpoint is public, and has an inbox for who has no server, ${how}`, async () => {
    const platform = await makePlatform("shipengine");
    const page = await enter(platform, { javaScript });
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await page.getByText("Your endpoint will be public on the Internet.").waitFor();
    await page.getByRole("switch", { name: "Status of Batch completed" }).check();
    await page.getByRole("button", { name: "Use an inbox" }).click();
    await until("an inbox's URL in the row", async () => (await page.getByLabel("URL for Batch completed").inputValue()).startsWith(`${server.url}/inbox/`));
    assert.ok(await page.getByRole("switch", { name: "Status of Batch completed" }).isChecked());
    assert.ok((await page.getByLabel("URL for Carrier connected").inputValue()).startsWith(`${server.url}/inbox/`));
  });

  test(`a first event arrives in an inbox, ${how}`, async () => {
    const platform = await makePlatform("standard");
    await platform.api("/event-type", { body: { name: "invoice.paid", description: "An invoice was paid." } });
    const page = await enter(platform, { javaScript });
    await page.getByRole("heading", { name: "No endpoints yet" }).waitFor();
    await page.getByRole("button", { name: "Try it with an inbox" }).click();
    await page.getByRole("heading", { level: 1, name: "Your inbox" }).waitFor();
    const inbox = page.url().match(/inboxes\/(\w+)/)[1];
    assert.match(await page.getByRole("link", { name: "Open the inbox" }).getAttribute("href"), /^\/inbox\//);
    await page.getByRole("link", { name: "Send test data" }).click();
    await opened(page).getByRole("button", { name: "Send test data" }).click();
    await opened(page).getByText("Response verified.").waitFor();
    const received = await platform.api(`/inbox/${inbox}/request`);
    assert.equal(received.data.length, 1);
    await page.goto(`/portal/${platform.app}`);
    await page.getByRole("row", { name: "Inbox" }).waitFor();
  });
}

test("A43: events are shown in their groups, in the order of the documents, with their names for people", async () => {
  const platform = await makePlatform("rose-rocket");
  for (const event of ["task.completed", "leg.loaded", "order.pod_uploaded", "manifest.moving", "order.created"]) {
    await platform.api(`/app/${platform.app}/endpoint`, { body: { url: receiver.url(platform.path), eventTypes: [event] } });
  }
  const page = await enter(platform);
  const groups = page.locator("select#event optgroup");
  const labels = await groups.evaluateAll((all) => all.map((group) => group.label));
  assert.deepEqual(labels, ["Orders", "Legs", "Manifests", "Tasks"]);
  const options = await groups.evaluateAll((all) => all.map((group) => [...group.children].map((option) => option.label)));
  assert.deepEqual(options.map((list) => list.length), [8, 5, 7, 1]);
  assert.deepEqual([options[0][0], options[0][7]], ["Order Created", "Order POD Uploaded"]);
  const table = page.getByRole("table", { name: "Webhooks" });
  assert.deepEqual(await table.getByRole("rowheader").allInnerTexts(), ["Orders", "Legs", "Manifests", "Tasks"]);
  const shown = await table.locator("tbody td:first-child").allInnerTexts();
  assert.deepEqual(shown, ["Order Created", "Order POD Uploaded", "Leg Loaded", "Manifest Moving", "Task Completed"]);
});

test("A18, A20: who receives is told to queue, and to log what was processed", async () => {
  const page = await enter(await makePlatform("rose-rocket"));
  const guidance = await page.getByRole("complementary", { name: "Receiving webhooks" }).innerText();
  assert.match(guidance, /in a queue/);
  assert.match(guidance, /Log the webhook-id/);
});

test("B5: the closed dropdown says what is selected", async () => {
  const page = await enter(await makePlatform("shoprocket"));
  await page.getByRole("link", { name: "Add Webhook" }).first().click();
  const line = page.locator("details.select > summary");
  await line.click();
  await page.getByRole("checkbox", { name: "order.created" }).check();
  await page.getByRole("checkbox", { name: "order.deleted" }).check();
  await page.getByLabel("URL", { exact: true }).click();
  assert.match(await line.innerText(), /order\.created, order\.deleted/);
  assert.equal(await page.getByRole("checkbox", { name: "order.created" }).isVisible(), false);
});

test("D5: one set of screens offers every way; what was made in one is there in the others", async () => {
  const platform = await makePlatform("rose-rocket");
  const body = { url: receiver.url(platform.path), eventTypes: ["order.created"] };
  const { id } = await platform.api(`/app/${platform.app}/endpoint`, { body });
  const page = await enter(platform);
  const ways = [
    ["rose-rocket", () => page.getByRole("button", { name: "Add webhook" })],
    ["shoprocket", () => page.getByRole("link", { name: "Add Webhook" })],
    ["shipengine", () => page.getByRole("link", { name: "Edit", exact: true })],
    ["standard", () => page.getByRole("link", { name: "Add endpoint" })],
  ];
  for (const [preset, way] of ways) {
    await server.api(`/management/environment/${platform.id}`, { method: "PATCH", body: { preset } });
    await page.goto(`/portal/${platform.app}`);
    await way().first().waitFor();
    await page.getByText(body.url).first().waitFor();
    for (const tab of ["Logs", "Event catalogue"]) await page.getByRole("link", { name: tab }).waitFor();
  }
  await page.goto(`/portal/${platform.app}/endpoints/${id}`);
  await page.getByText(body.url).first().waitFor();
});

test("who may only look is offered nothing to change, and is shown no secret", async () => {
  for (const preset of ["standard", "rose-rocket", "shoprocket", "shipengine"]) {
    const platform = await makePlatform(preset);
    const body = { url: receiver.url(platform.path), eventTypes: [preset === "shipengine" ? "batch" : "order.created"] };
    const { id } = await platform.api(`/app/${platform.app}/endpoint`, { body });
    const { key } = await platform.api(`/app/${platform.app}/endpoint/${id}/secret`);
    const page = await enter(platform, {}, { readOnly: true });
    for (const path of preset === "shoprocket" ? ["", `/webhooks/${id}`] : [""]) {
      await page.goto(`/portal/${platform.app}${path}`);
      const main = page.getByRole("main");
      await main.getByText(body.url).first().waitFor();
      assert.equal(await main.locator("form").count(), 0);
      assert.equal(await main.getByRole("link", { name: /Add|Edit|Test|Remove|Delete|Send/ }).count(), 0);
      assert.ok(!(await page.content()).includes(key));
    }
  }
});
