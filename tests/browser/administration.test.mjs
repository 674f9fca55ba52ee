// What an operator sets up and looks after: event types, what fails, environments, settings, keys and the system.

import assert from "node:assert/strict";
import { test } from "node:test";
import { useBrowser } from "./support/browser.mjs";
import { accessible } from "./support/look.mjs";
import { enterPortal } from "./support/sign_in.mjs";
import { until, useReceiver, useServer } from "./support/server.mjs";

const server = useServer({ env: { CORNET_RETRY_SCHEDULE: "none" } });
const browser = useBrowser(server);
const receiver = useReceiver();

/** The smallest picture there is. */
const DOT = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

async function at(path, options) {
  const page = await browser.page({ signedIn: true, ...options });
  await page.goto(await inDefault(path));
  return page;
}

/** A path below that of the environment of the suite's key. */
async function inDefault(path) {
  const { data } = await server.api("/management/environment");
  const { id } = data.find(({ name }) => name === "Default");
  return `/environments/${id}${path}`;
}

const button = (page, name) => page.getByRole("button", { name, exact: true });
const link = (page, name) => page.getByRole("link", { name, exact: true });

for (const javaScript of [true, false]) {
  const how = javaScript ? "with JavaScript" : "without JavaScript";
  const name = javaScript ? "parcel.found" : "parcel.lost";

  test(`an event type is made, refused, mended, changed, archived and deleted, ${how}`, async () => {
    const page = await at("/event-types/new", { javaScript });
    page.expectNoise(/422/);
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Title").fill("Parcel found");
    await page.getByLabel("Group").fill("Parcels");
    await page.getByLabel("JSON Schema").fill('{"type": "objekt"}');
    await button(page, "Create event type").click();
    assert.match(await page.locator("#schemas-error").textContent(), /JSON Schema/);
    assert.equal(await page.getByLabel("Title").inputValue(), "Parcel found");
    const schema = '{"required":["weight"],"properties":{"weight":{"type":"number","description":"In grams."}}}';
    await page.getByLabel("JSON Schema").fill(schema);
    await page.getByLabel("Example payload").fill('{"weight": 40.0}');
    await button(page, "Create event type").click();
    await page.getByText("Created.").waitFor();
    assert.match(await page.locator("#example").textContent(), /"weight": 40\.0/);
    assert.match(await page.locator(".schema").textContent(), /weightnumberrequiredIn grams\./);

    await link(page, "Edit").click();
    await page.getByLabel("Retry schedule").fill("1m,1h");
    await button(page, "Save").click();
    await page.getByText("3 attempts").waitFor();
    await page.locator("summary", { hasText: "More" }).click();
    await button(page, "Archive").click();
    await page.getByText("Archived: consumers don't see it").waitFor();
    await page.locator("summary", { hasText: "More" }).click();
    await link(page, "Delete…").click();
    await button(page, "Delete").click();
    await page.getByText("Deleted.").waitFor();
    await assert.rejects(server.api(`/event-type/${name}`), { status: 404 });
  });

  test(`what failed is recovered with its count first, ${how}`, async () => {
    const path = `/recover/${javaScript}`;
    const url = receiver.url(path);
    receiver.replies.set(path, [{ status: 500 }, { status: 500 }, { status: 200 }]);
    const application = await server.api("/app", { body: { name: `Recovers ${how}` } });
    const endpoint = await server.api(`/app/${application.id}/endpoint`, { body: { url } });
    const post = () => server.api(`/app/${application.id}/msg`, { body: { eventType: "a.b", payload: {} } });
    await post();
    await post();
    await receiver.waitFor(path, 2);
    const page = await at("/failing", { javaScript });
    await until("the failures on the page", async () => {
      await page.reload();
      const cells = await page.locator(`#${endpoint.id} tbody`).locator("th .text, td.number").allTextContents();
      return cells.join(" ") === "Answered 500 2 0";
    });
    await page.locator(`#${endpoint.id} input[type=checkbox]`).check();
    await page.getByRole("button", { name: "Recover selected…" }).click();
    await page.getByText("Send 2 deliveries again?").waitFor();
    await button(page, "Send again").click();
    await page.getByText("Failed deliveries that are being sent again: 2.").waitFor();
    await receiver.waitFor(path, 4);
  });

  test(`an environment is made after a preset, looked at, and deleted by its name, ${how}`, async () => {
    const page = await at("/environments/new", { javaScript });
    page.expectNoise(/422/);
    const environment = javaScript ? "Freight" : "Freight too";
    await page.getByLabel("Name").fill(environment);
    await page.getByRole("radio", { name: /Rose Rocket/ }).check();
    await button(page, "Create environment").click();
    await page.getByRole("heading", { name: "Manifests" }).waitFor();
    assert.deepEqual((await page.locator("section.card h2").allTextContents()), ["Orders", "Legs", "Manifests", "Tasks"]);
    await page.goto(await inDefault("/switch"));
    await page.getByRole("link", { name: environment }).click();
    await page.goto(await inDefault("/environments"));
    await page.getByRole("row", { name: environment === "Freight" ? /^Freight (?!too)/ : /^Freight too/ }).getByRole("link", { name: "Delete" }).click();
    await page.getByLabel("Type its name").fill("Fright");
    await button(page, "Delete environment").click();
    await page.getByText("That is not its name.").waitFor();
    await page.getByLabel("Type its name").fill(environment);
    await button(page, "Delete environment").click();
    await page.getByText("Deleted.").waitFor();
  });

  test(`a key is made, shown once, used and ended; the last admin key stays, ${how}`, async () => {
    const page = await at("/keys", { javaScript });
    page.expectNoise(/422/);
    await link(page, "New key").click();
    const key = javaScript ? "Checkout" : "Warehouse";
    await page.getByLabel("Name").fill(key);
    await button(page, "Create key").click();
    const text = (await page.locator("#key").textContent()).trim();
    assert.ok(await server.api("/app", { key: text }), "it opens the environment");
    await link(page, "I have copied it").click();
    assert.equal((await page.content()).includes(text), false);
    await page.getByRole("row", { name: key }).getByRole("link", { name: "End" }).click();
    await button(page, "End key").click();
    await page.getByText("Saved.").waitFor();
    await assert.rejects(server.api("/app", { key: text }), { status: 401 });
    await page.getByRole("row", { name: "First key" }).getByRole("link", { name: "End" }).click();
    await button(page, "End key").click();
    await page.getByText("No admin key without an end would be left").waitFor();
  });
}

test("settings are kept, and refused beside their field", async () => {
  const page = await at("/settings");
  page.expectNoise(/422/);
  await page.getByLabel("Retry schedule").fill("soon");
  await button(page, "Save").first().click();
  assert.match(await page.locator("#retry_schedule-error").textContent(), /is not a duration/);
  await page.getByLabel("Retry schedule").fill("none");
  await page.getByLabel("Only https").check();
  await button(page, "Save").first().click();
  await page.getByText("Saved.").waitFor();
  assert.equal(await page.getByLabel("Only https").isChecked(), true);
  await page.getByLabel("Only https").uncheck();
  await button(page, "Save").first().click();
  await page.getByText("Saved.").waitFor();
});

test("the portal has the brand's name, colour and logo", async () => {
  const page = await at("/settings");
  page.expectNoise(/422/);
  await page.locator("#name").fill("Acme hooks");
  await page.locator("#accent").fill("#ffd400");
  await page.locator("#logo").setInputFiles({ name: "logo.svg", mimeType: "image/svg+xml", buffer: Buffer.from("<svg/>") });
  await button(page, "Save").nth(1).click();
  assert.match(await page.locator("#logo-error").textContent(), /PNG, JPEG, WebP or GIF/);
  await page.locator("#logo").setInputFiles({ name: "logo.png", mimeType: "image/png", buffer: DOT });
  await button(page, "Save").nth(1).click();
  await page.getByText("Saved.").waitFor();
  await server.api("/event-type", { body: { name: "order.created", description: "An order." } });
  const { id } = await server.api("/app/default");
  for (const theme of ["light", "dark"]) {
    const portal = await browser.page({ theme });
    await enterPortal(portal, server, "default");
    await portal.goto(`/portal/${id}/event-types`);
    const logo = portal.getByRole("img", { name: "Acme hooks" });
    assert.equal(await logo.evaluate((image) => image.naturalWidth), 1);
    const fill = await portal.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--accent-fill"));
    assert.equal(fill.trim(), "#ffd400");
    await accessible(portal);
  }
});

test("the catalogue shows consumers what is theirs to see", async () => {
  await server.api("/event-type", { body: { name: "seen.by-all", description: "For all." } });
  await server.api("/event-type", { body: { name: "seen.by-few", description: "For few.", featureFlags: ["beta"] } });
  await server.api("/event-type", { body: { name: "seen.by-none", description: "Hidden.", archived: true } });
  const { id } = await server.api("/app/default");
  const seen = async (access) => {
    const page = await browser.page();
    page.expectNoise(/404/);
    await enterPortal(page, server, "default", access);
    await page.goto(`/portal/${id}/event-types?q=seen.by`);
    const names = await page.locator(".catalogue code").allTextContents();
    assert.equal((await page.goto(`/portal/${id}/event-types/seen.by-none`)).status(), 404);
    return names;
  };
  assert.deepEqual(await seen({ featureFlags: [] }), ["seen.by-all"]);
  assert.deepEqual(await seen({ featureFlags: ["beta"] }), ["seen.by-all", "seen.by-few"]);
});
