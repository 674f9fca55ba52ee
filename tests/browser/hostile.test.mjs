// Text from outside stays text, wherever it comes from and on every page that shows it.

import assert from "node:assert/strict";
import { validateHeaderValue } from "node:http";
import { beforeEach, test } from "node:test";
import { useBrowser } from "./support/browser.mjs";
import { beginning, briefHostile, hostile } from "./support/hostile.mjs";
import { harmless } from "./support/look.mjs";
import { arrangedPages, consumerPages, makeScene, operatorPages, PRESETS } from "./support/scene.mjs";
import { useReceiver, useServer } from "./support/server.mjs";
import { enterPortal } from "./support/sign_in.mjs";

const server = useServer();
const receiver = useReceiver();
const browser = useBrowser(server);

const textOf = (kind) => hostile.find(({ name }) => name === `hostile-${kind}`).text;
const withoutNul = (text) => text.replaceAll("\0", "");
/** Several of the corpus at once, where there is room for them. */
const many = ["script", "image", "end-of-textarea", "end-of-double-quotes", "bidi-override", "ansi"].map(textOf).join(" ");
const all = withoutNul(briefHostile.map(({ text }) => text).join(" "));
const everything = hostile.map(({ text }) => text).join("\n");

const isHeaderValue = (text) => {
  try {
    return validateHeaderValue("x-hostile", text) ?? true;
  } catch {
    return false;
  }
};

const headers = Object.fromEntries(
  briefHostile.filter(({ text }) => isHeaderValue(text)).map(({ text }, index) => [`x-hostile-${index}`, text]),
);

/** Where everything that can be given a text is given a hostile one. */
const scene = {};
beforeEach(async () => {
  if (scene.app) return;
  const words = {
    environment: textOf("base"),
    key: textOf("image"),
    application: textOf("end-of-title"),
    endpoint: textOf("script"),
    refusing: textOf("end-of-comment"),
    inbox: textOf("end-of-textarea"),
    description: all,
    payload: Object.fromEntries(hostile.map(({ text }) => [beginning(withoutNul(text)), withoutNul(text)])),
    refusal: { status: 500, headers, body: everything },
  };
  const made = await makeScene(server, receiver, "standard", words);
  const answer = [{ status: 200, headers, body: everything }];
  receiver.replies.set(new URL(made.endpoint.url).pathname, answer);
  await made.api(`/inbox/${made.inbox.id}`, { method: "PATCH", body: { status: 500, body: withoutNul(textOf("end-of-textarea")) } });
  Object.assign(scene, made);
});

async function operator(options) {
  return browser.page({ signedIn: true, ...options });
}

const home = () => `/environments/${scene.environment.id}`;
const inApplication = (tail) => `${home()}/applications/${scene.app.id}${tail}`;

test("names, descriptions and payloads stay text on every page of the dashboard", async () => {
  const page = await operator();
  for (const [path] of operatorPages(scene)) {
    await page.goto(path);
    // The name of the environment is on every page.
    const shown = await harmless(page, hostile);
    assert.ok(shown.includes("hostile-base"), path);
  }
});

test("a brand's name and all that it frames stay text on every page of every portal", async () => {
  const page = await operator();
  await page.goto(`${home()}/settings`);
  await page.locator("#name").fill(textOf("base"));
  await page.locator("form", { has: page.locator("#name") }).getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  const portal = await browser.page();
  await enterPortal(portal, scene, scene.app.id);
  for (const preset of Object.keys(PRESETS)) {
    await server.api(`/management/environment/${scene.environment.id}`, { method: "PATCH", body: { preset } });
    for (const [path] of preset === "standard" ? consumerPages(scene) : arrangedPages({ ...scene, preset })) {
      await portal.goto(path);
      const shown = await harmless(portal, hostile);
      assert.ok(shown.includes("hostile-base"), path);
    }
  }
  await server.api(`/management/environment/${scene.environment.id}`, { method: "PATCH", body: { preset: "standard" } });
});

test("all of the corpus stays text as payload, in its tree and as it was posted", async () => {
  const page = await operator();
  await page.goto(inApplication(`/messages/${scene.message.id}`));
  await page.getByText("As it was posted").click();
  const shown = await harmless(page, hostile);
  assert.deepEqual(shown, hostile.map(({ name }) => name));
});

test("a receiver's answer and its headers stay text, in the attempt's page and in its dialog", async () => {
  const page = await operator();
  await page.goto(inApplication(`/messages/${scene.message.id}/attempts/${scene.refused.id}`));
  const shown = await harmless(page, hostile);
  assert.ok(shown.length > 20, `${shown}`);
  await page.goto(inApplication(`/messages/${scene.message.id}`));
  await page.getByRole("link", { name: "Details of attempt 1" }).last().click();
  await page.getByRole("dialog").getByText("x-hostile-0").first().waitFor();
  await harmless(page, hostile);
});

for (const javaScript of [true, false]) {
  test(`the answer to a test stays text, ${javaScript ? "with JavaScript" : "without JavaScript"}`, async () => {
    const page = await operator({ javaScript });
    await page.goto(inApplication(`/endpoints/${scene.endpoint.id}/test`));
    await page.getByRole("button", { name: "Send test event" }).click();
    await page.getByText("Response verified.").waitFor();
    assert.ok((await harmless(page, hostile)).length > 20);
    const portal = await browser.page({ javaScript });
    await enterPortal(portal, scene, scene.app.id);
    await portal.goto(`/portal/${scene.app.id}/webhooks/${scene.endpoint.id}/test`);
    await portal.getByRole("button", { name: "Send test data" }).click();
    await portal.getByText("Response verified.").waitFor();
    assert.ok((await harmless(portal, hostile)).length > 20);
  });
}

test("each of the corpus stays text as a name in the lists", async () => {
  const taken = { applications: [], inboxes: [], "event-types": [] };
  for (const [index, { name, text }] of briefHostile.entries()) {
    // Some texts are no names; what is taken has to be shown.
    const make = (list, path, body) =>
      scene.api(path, { body }).then(
        () => taken[list].push(name),
        ({ status }) => assert.equal(status, 422, name),
      );
    await make("applications", "/app", { name: text });
    await make("inboxes", "/inbox", { name: text });
    await make("event-types", "/event-type", { name: `hostile.n${index}`, title: text, description: withoutNul(text) });
  }
  const page = await operator();
  for (const [list, names] of Object.entries(taken)) {
    assert.ok(names.length > 15, `${list}: ${names}`);
    await page.goto(`${home()}/${list}`);
    const shown = await harmless(page, briefHostile);
    assert.deepEqual(names.filter((name) => !shown.includes(name)), [], list);
  }
});

test("what is looked for stays text", async () => {
  const page = await operator();
  page.expectNoise(/status of 4/);
  const deliveries = inApplication(`/endpoints/${scene.endpoint.id}/deliveries`).replace(home(), "");
  const searches = ["/messages?event_type=", "/messages?id=", "/messages?application=", "/applications?q=", "/endpoints?q=", "/event-types?q=",
    "/failing?days=", "/failing/recover?since=", "?window=", "/messages?after=", "/messages?before=", "/messages?state=", "/messages?notice=",
    `${deliveries}?event_type=`, `${deliveries}?outcome=`];
  let shown = 0;
  for (const search of searches) {
    await page.goto(home() + search + encodeURIComponent(many));
    shown += (await harmless(page, [...hostile])).length;
  }
  assert.ok(shown > searches.length, "what was looked for is shown again");
  await page.goto(`/sign-in?back=${encodeURIComponent(many)}`);
  assert.equal(await page.locator("[data-hostile]").count(), 0);
  await page.goto(`${home()}/${encodeURIComponent(textOf("image"))}`);
  assert.equal(await page.locator("[data-hostile]").count(), 0);
});

test("what is refused in a form stays text where it is shown again", async () => {
  const page = await operator();
  page.expectNoise(/status of 422/);
  await page.goto(inApplication(`/endpoints/${scene.endpoint.id}/settings`));
  await page.getByLabel("Name", { exact: true }).fill(many);
  await page.getByLabel("Value", { exact: true }).fill(textOf("image"));
  await page.getByRole("button", { name: "Set header" }).click();
  await page.locator("#header_name-error").waitFor();
  await harmless(page, hostile);
  await page.goto(inApplication("/endpoints/new"));
  await page.getByLabel("URL", { exact: true }).fill(textOf("script-link"));
  await page.getByLabel("Description").fill(all);
  await page.getByRole("button", { name: "Add endpoint" }).click();
  await page.locator("#url-error").waitFor();
  await harmless(page, hostile);
});

test("what comes to an inbox stays text, and so does what the inbox answers", async () => {
  const page = await browser.page();
  const { pathname } = new URL(scene.inbox.url);
  await page.goto(pathname);
  const shown = await harmless(page, hostile);
  assert.ok(shown.length > 20, `${shown}`);
  const answer = await fetch(scene.inbox.url, { method: "POST", headers, body: everything });
  assert.match(answer.headers.get("content-security-policy") ?? "", /sandbox|default-src 'none'/);
  await page.goto(`${pathname}?body=text`);
  assert.ok((await harmless(page, hostile)).length > 20);
});
