// Applications and endpoints, as the operator and the consumer work with them: adding one, trying it, its secret, its
// deliveries, its settings and its end; with scripts and without.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { useBrowser } from "./support/browser.mjs";
import { until, useReceiver, useServer } from "./support/server.mjs";
import { enterPortal } from "./support/sign_in.mjs";

const server = useServer();
const browser = useBrowser(server);
const receiver = useReceiver();

let home;
// Once, when the browser is there: what runs before all tests does not wait for one another.
beforeEach(async () => {
  if (home) return;
  const page = await browser.page({ signedIn: true });
  await page.goto("/");
  home = new URL(page.url()).pathname;
  for (const name of ["order.created", "order.updated", "customer.created"]) {
    await server.api("/event-type", { body: { name, description: `Tells of ${name}` } });
  }
});

const anApplication = (name = "Acme") => server.api("/app", { body: { name } });

async function anEndpoint(app, path, settings = {}) {
  return server.api(`/app/${app.id}/endpoint`, { body: { url: receiver.url(path), ...settings } });
}

const pathOf = (app, endpoint, tail = "") => `${home}/applications/${app.id}/endpoints/${endpoint.id}${tail}`;

for (const javaScript of [true, false]) {
  const how = javaScript ? "with scripts" : "without scripts";

  test(`an endpoint is added, tried, and tells its secret when asked, ${how}`, async () => {
    const app = await anApplication();
    const page = await browser.page({ signedIn: true, javaScript });
    await page.goto(`${home}/applications/${app.id}`);
    await page.getByRole("link", { name: "Add endpoint" }).first().click();
    // SEEDS C10 and D8: what to know before one gives a URL.
    assert.match(await page.getByLabel("URL").locator("..").innerText(), /public on the Internet/);
    assert.match(await page.getByLabel("URL").locator("..").innerText(), /plain HTTP can be read/);
    await page.getByLabel("URL", { exact: true }).fill(receiver.url(`/added-${javaScript}`));
    await page.getByLabel("Only those that I choose").check();
    await page.getByRole("checkbox", { name: "order.created" }).check();
    await page.getByRole("button", { name: "Add endpoint" }).click();
    await page.getByRole("status").filter({ hasText: "Created." }).waitFor();
    await page.getByRole("heading", { name: "What now" }).waitFor();

    await page.getByRole("link", { name: "Send test event" }).first().click();
    await page.getByRole("button", { name: "Send test event" }).click();
    await page.getByText("Response verified.").waitFor();
    const [request] = await receiver.waitFor(`/added-${javaScript}`, 1);
    assert.ok(request.headers["webhook-signature"], "a test is signed as any other");
    if (javaScript) await page.getByRole("button", { name: "Close" }).click();

    await page.getByRole("link", { name: "Secret", exact: true }).click();
    assert.ok(!(await page.content()).includes("whsec_"), "the secret is hidden until it is asked for");
    await page.getByRole("button", { name: "Reveal" }).click();
    const { data: [endpoint] } = await server.api(`/app/${app.id}/endpoint`);
    const { key } = await server.api(`/app/${app.id}/endpoint/${endpoint.id}/secret`);
    await page.getByText(key).waitFor();
    assert.deepEqual(endpoint.filterTypes ?? endpoint.eventTypes, ["order.created"]);
  });

  test(`code is tried on an example, saved, and run on what is sent, ${how}`, async () => {
    const app = await anApplication();
    const endpoint = await anEndpoint(app, `/transformed-${javaScript}`);
    const page = await browser.page({ signedIn: true, javaScript });
    await page.goto(pathOf(app, endpoint));
    await page.getByRole("link", { name: "Transformation", exact: true }).click();
    const code = page.getByLabel("Code", { exact: true });
    await code.fill("function handler(webhook) {\n  return webhook.no.such }");
    page.expectNoise(/422/);
    await page.getByRole("button", { name: "Run the code" }).click();
    await page.getByText(/TypeError.*\(line 2\)/).waitFor();
    await code.fill("function handler(webhook) { webhook.payload = { key: webhook.variables.KEY }; return webhook }");
    await page.getByLabel("Variables").fill("KEY=hush-hush");
    await page.getByRole("button", { name: "Run the code" }).click();
    await page.getByText("It ran.").waitFor();
    assert.match(await page.locator("#simulated-body").textContent(), /"key": "hush-hush"/);
    await page.getByLabel("Run it on every delivery").check();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved.", { exact: true }).waitFor();
    assert.equal(await page.getByLabel("Variables").inputValue(), "KEY=•••");
    assert.ok(!(await page.content()).includes("hush-hush"), "a value is never shown again");
    await server.api(`/app/${app.id}/msg`, { body: { eventType: "order.created", payload: {} } });
    const [request] = await receiver.waitFor(`/transformed-${javaScript}`, 1);
    assert.equal(String(request.body), '{"key":"hush-hush"}');
  });

  test(`an inbox fills in the URL and what was typed stays, ${how}`, async () => {
    const app = await anApplication();
    const page = await browser.page({ signedIn: true, javaScript });
    await page.goto(`${home}/applications/${app.id}/endpoints/new`);
    await page.getByLabel("Description").fill("A first look");
    await page.getByRole("button", { name: "Use an inbox" }).click();
    await page.getByText("An inbox was made").waitFor();
    assert.match(await page.getByLabel("URL", { exact: true }).inputValue(), /\/inbox\//);
    assert.equal(await page.getByLabel("Description").inputValue(), "A first look");
    await page.getByRole("button", { name: "Add endpoint" }).click();
    await page.getByRole("heading", { level: 1, name: "A first look" }).waitFor();
  });

  test(`what was refused stays, with the reason beside it, ${how}`, async () => {
    const app = await anApplication();
    const page = await browser.page({ signedIn: true, javaScript });
    page.expectNoise(/422/);
    await page.goto(`${home}/applications/${app.id}/endpoints/new`);
    await page.getByLabel("URL", { exact: true }).fill("ftp://files.example/");
    await page.getByRole("button", { name: "Add endpoint" }).click();
    const field = page.getByLabel("URL", { exact: true });
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    assert.equal(await field.inputValue(), "ftp://files.example/");
  });

  test(`what failed is counted before it is recovered, ${how}`, async () => {
    const app = await anApplication();
    const path = `/fails-${javaScript}`;
    receiver.replies.set(path, [500, 500, 500, 204]);
    const endpoint = await anEndpoint(app, path);
    await server.api(`/app/${app.id}/msg`, { body: { eventType: "order.created", payload: { id: 1 } } });
    await receiver.waitFor(path, 3);
    const page = await browser.page({ signedIn: true, javaScript });
    await until("the failure to be counted", async () => {
      await page.goto(pathOf(app, endpoint, "/recover"));
      return (await page.getByRole("status").innerText()).includes("1 failed delivery");
    });
    await page.getByRole("button", { name: "Recover 1 failed delivery" }).click();
    await page.getByText("Recovery has started").waitFor();
    await receiver.waitFor(path, 4);
    await until("the delivery to be listed", async () => {
      await page.goto(pathOf(app, endpoint, "/deliveries?outcome=delivered"));
      return (await page.locator("tbody tr").count()) === 1;
    });
    await page.getByRole("button", { name: "Resend" }).click();
    await page.getByText("Queued to be sent again").waitFor();
    assert.match(page.url(), /outcome=delivered/, "the filter stays");
    await receiver.waitFor(path, 5);
  });

  test(`an endpoint is switched off and on, and deleted after a question, ${how}`, async () => {
    const app = await anApplication();
    const endpoint = await anEndpoint(app, "/ends", { description: "Ends" });
    const page = await browser.page({ signedIn: true, javaScript });
    await page.goto(pathOf(app, endpoint, "/settings"));
    await page.getByRole("button", { name: "Disable" }).click();
    await page.getByText("This endpoint is disabled.").waitFor();
    await page.getByRole("button", { name: "Enable", exact: true }).click();
    await page.getByText("Enabled: messages are sent there again").waitFor();
    await page.getByRole("link", { name: "Settings" }).last().click();
    await page.getByRole("link", { name: "Delete endpoint" }).click();
    await page.getByText("Nothing waits for it.").waitFor();
    await page.getByRole("button", { name: "Delete endpoint" }).click();
    await page.getByText("Deleted.").waitFor();
    const { data } = await server.api(`/app/${app.id}/endpoint`);
    assert.deepEqual(data, []);
  });
}

test("the value of a header is never shown again", async () => {
  const app = await anApplication();
  const endpoint = await anEndpoint(app, "/headers");
  const page = await browser.page({ signedIn: true });
  await page.goto(pathOf(app, endpoint, "/settings"));
  await page.getByLabel("Name", { exact: true }).fill("x-plain");
  await page.getByLabel("Value", { exact: true }).fill("very-hidden");
  await page.getByRole("button", { name: "Set header" }).click();
  await page.getByText("x-plain").waitFor();
  assert.ok(!(await page.content()).includes("very-hidden"));
  await page.getByRole("button", { name: "Remove x-plain" }).click();
  await page.getByText("Saved.").waitFor();
  assert.equal(await page.getByText("x-plain").count(), 0);
});

test("a link to the portal opens the consumer's own pages and nobody else's", async () => {
  const [app, other] = [await anApplication("Own"), await anApplication("Other")];
  const [own, foreign] = [await anEndpoint(app, "/own"), await anEndpoint(other, "/foreign")];
  const page = await browser.page();
  page.expectNoise(/40[14]/);
  await enterPortal(page, server, app.id);
  await page.goto(`/portal/${app.id}/endpoints/${own.id}`);
  await page.getByRole("link", { name: "Send test event" }).first().waitFor();
  const status = async (path) => (await page.goto(path)).status();
  assert.equal(await status(`/portal/${app.id}/endpoints/${foreign.id}`), 404);
  assert.equal(await status(`/portal/${other.id}/endpoints/${foreign.id}`), 401);
  const operator = await browser.page({ signedIn: true });
  operator.expectNoise(/404/);
  const mixed = await operator.goto(`${home}/applications/${app.id}/endpoints/${foreign.id}`);
  assert.equal(mixed.status(), 404, "an endpoint is found in its own application only");
});

test("who may only look sees no secret and can change nothing", async () => {
  const app = await anApplication();
  const endpoint = await anEndpoint(app, "/looked-at");
  const page = await browser.page();
  await enterPortal(page, server, app.id, { readOnly: true });
  for (const tail of ["", "/deliveries", "/test", "/filter", "/transformation", "/secret", "/settings"]) {
    await page.goto(`/portal/${app.id}/endpoints/${endpoint.id}${tail}`);
    const names = await page.locator("main").getByRole("button").allInnerTexts();
    assert.deepEqual(names.filter((name) => /send|save|run|reveal|resend|disable|set header/i.test(name)), [], tail);
  }
});
