// Who may see what, in the browser's own terms: sessions, their ends, forms of other sites, and other people's ids.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { useBrowser } from "./support/browser.mjs";
import { consumerForms, consumerPages, makeScene, operatorForms, operatorPages } from "./support/scene.mjs";
import { until, useReceiver, useServer } from "./support/server.mjs";
import { enterPortal, signIn } from "./support/sign_in.mjs";

const server = useServer();
const receiver = useReceiver();
const browser = useBrowser(server);

/** One's own scene, one of somebody else, and one that is no more. */
const scenes = {};
beforeEach(async () => {
  if (scenes.own) return;
  for (const whose of ["own", "other", "gone"]) scenes[whose] = await makeScene(server, receiver);
  await server.api(`/management/environment/${scenes.gone.environment.id}`, { method: "DELETE" });
});

/** The same scene in another place: `ids` of it come from there. */
const withIds = (scene, there, ids) => ({ ...scene, ...Object.fromEntries(ids.map((id) => [id, there[id]])) });

/** What a page says: its status, and its text but for the ids that were asked for. */
async function answerOf(page, path, options) {
  const answer = await page.request.fetch(path, { maxRedirects: 0, failOnStatusCode: false, ...options });
  return { status: answer.status(), text: (await answer.text()).replace(/[a-z]+_[0-9a-z]{26}/g, "ID"), location: answer.headers().location };
}

/** Asserts that each of the first paths is answered like the path at its place in the second, with this status. */
async function sameAnswers(page, paths, others, status, options) {
  for (const [index, path] of paths.entries()) {
    const [one, another] = [await answerOf(page, path, options), await answerOf(page, others[index], options)];
    assert.equal(one.status, status, path);
    assert.deepEqual(one, another, path);
  }
}

const paths = (pages) => pages.map(([path]) => path);
const withEndpoint = (path) => /\/(endpoints|webhooks|messages)\/[a-z]+_/.test(path);

async function portal(scene, access, options) {
  const page = await browser.page(options);
  await enterPortal(page, scene, scene.app.id, access);
  return page;
}

/** What the forms of a page hold. */
const csrfOf = (page) => page.locator("input[name=csrf]").first().inputValue();

const post = (fields, headers = {}) => ({ method: "POST", form: fields, headers });

test("another application's endpoints, messages and attempts are not there in the portal, as if there were none", async () => {
  const { own, other, gone } = scenes;
  const page = await portal(own);
  for (const ids of [["endpoint", "message", "attempt"], ["message"], ["attempt"]]) {
    const [foreign, missing] = [withIds(own, other, ids), withIds(own, gone, ids)];
    for (const preset of ["standard", "shoprocket"]) {
      const of = (scene) => {
        const wrong = (path) => ids.some((id) => path.includes(scene[id].id));
        return paths(consumerPages({ ...scene, preset })).filter(wrong);
      };
      assert.ok(of(foreign).length > 0);
      await sameAnswers(page, of(foreign), of(missing), 404);
    }
  }
});

test("the forms of another application's endpoints and messages are not there either, and change nothing", async () => {
  const { own, other, gone } = scenes;
  const page = await portal(own);
  const csrf = await csrfOf(page);
  const ids = ["endpoint", "message"];
  const of = (scene) => consumerForms(scene).filter(withEndpoint);
  const before = await other.api(`/app/${other.app.id}/endpoint/${other.endpoint.id}`);
  await sameAnswers(page, of(withIds(own, other, ids)), of(withIds(own, gone, ids)), 404, post({ csrf }));
  assert.deepEqual(await other.api(`/app/${other.app.id}/endpoint/${other.endpoint.id}`), before);
});

test("another application's portal is closed, as one that is not there", async () => {
  const { own, other, gone } = scenes;
  const page = await portal(own);
  await sameAnswers(page, paths(consumerPages(other)), paths(consumerPages(gone)), 401);
  await sameAnswers(page, consumerForms(other), consumerForms(gone), 401, post({ csrf: await csrfOf(page) }));
  assert.equal((await answerOf(page, `/portal/${other.app.id}/live`)).status, 401);
});

test("a portal's session opens no page of the dashboard", async () => {
  const page = await portal(scenes.own);
  for (const path of paths(operatorPages(scenes.own))) assert.equal((await answerOf(page, path)).status, 303, path);
});

test("another environment is not there for an environment's key, as if there were none", async () => {
  const { own, other, gone } = scenes;
  const page = await browser.page();
  await signIn(page, own.key.token);
  await sameAnswers(page, paths(operatorPages(other)), paths(operatorPages(gone)), 404);
  await sameAnswers(page, operatorForms(other), operatorForms(gone), 404, post({ csrf: await csrfOf(page) }));
  assert.equal((await answerOf(page, `/environments/${other.environment.id}/live`)).status, 404);
});

test("ids of another environment are not there below one's own", async () => {
  const { own, other, gone } = scenes;
  const page = await browser.page({ signedIn: true });
  const ids = ["app", "endpoint", "message", "attempt", "inbox", "key"];
  const of = (scene) => paths(operatorPages(scene)).filter((path) => ids.some((id) => path.includes(scene[id].id)));
  await sameAnswers(page, of(withIds(own, other, ids)), of(withIds(own, gone, ids)), 404);
});

test("who may only look is shown no form, and every form is refused", async () => {
  const { own } = scenes;
  const page = await portal(own, { readOnly: true });
  page.expectNoise(/status of 403/);
  const csrf = await csrfOf(page);
  for (const path of paths(consumerPages(own))) {
    await page.goto(path);
    assert.equal(await page.locator("main form[method=post]").count(), 0, path);
  }
  for (const path of consumerForms(own)) assert.equal((await answerOf(page, path, post({ csrf }))).status, 403, path);
});

test("who is not signed in is led to sign in, and back from there", async () => {
  const page = await browser.page();
  for (const path of paths(operatorPages(scenes.own))) {
    const { status, location } = await answerOf(page, path);
    assert.deepEqual([status, new URLSearchParams(location.split("?")[1]).get("back")], [303, path]);
  }
  for (const path of operatorForms(scenes.own)) assert.equal((await answerOf(page, path, post({}))).status, 303, path);
  for (const path of paths(consumerPages(scenes.own))) assert.equal((await answerOf(page, path)).status, 401, path);
});

test("a form without what shows that it was made here is refused, and so is one of another site", async () => {
  const { own, other, gone } = scenes;
  const page = await browser.page({ signedIn: true });
  await page.goto(`/environments/${own.environment.id}`);
  const csrf = await csrfOf(page);
  const consumer = await portal(other);
  const foreign = await csrfOf(consumer);
  const wrong = [
    post({}),
    post({ csrf: "" }),
    post({ csrf: foreign }),
    post({ csrf }, { origin: "https://evil.example" }),
    post({ csrf }, { origin: "null" }),
    post({ csrf }, { origin: server.url, "sec-fetch-site": "cross-site" }),
    post({ csrf }, { origin: server.url, "sec-fetch-site": "same-site" }),
  ];
  for (const path of operatorForms(own)) {
    for (const options of wrong) assert.equal((await answerOf(page, path, options)).status, 403, `${path} ${JSON.stringify(options)}`);
  }
  for (const path of consumerForms(other)) {
    for (const fields of [{}, { csrf }]) assert.equal((await answerOf(consumer, path, post(fields))).status, 403, path);
  }
  assert.equal((await own.api(`/app/${own.app.id}/endpoint/${own.endpoint.id}`)).id, own.endpoint.id, "nothing was changed");
});

test("a session ends with its key", async () => {
  const { own } = scenes;
  const tokens = `/management/authentication/${own.environment.id}/api-token`;
  const { id, token } = await server.api(tokens, { body: { name: "Ends soon" } });
  const page = await browser.page();
  await signIn(page, token);
  const path = `/environments/${own.environment.id}/messages`;
  assert.equal((await answerOf(page, path)).status, 200);
  await server.api(`${tokens}/${id}/expire`, { body: {} });
  await page.goto(path);
  await page.getByLabel("API key").waitFor();
});

test("after signing out there is nothing to go back to, and no news", async () => {
  const { own } = scenes;
  const page = await browser.page();
  await signIn(page);
  const path = `/environments/${own.environment.id}`;
  await page.goto(`${path}/messages`);
  await page.getByText("Live", { exact: true }).waitFor();
  const [{ name, value }] = (await page.context().cookies()).filter(({ httpOnly }) => httpOnly);
  const news = await fetch(`${server.url}${path}/live`, { headers: { cookie: `${name}=${value}` } });
  assert.equal(news.headers.get("content-type"), "text/event-stream");
  const heard = news.text();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").waitFor();
  const { id } = await own.api(`/app/${own.app.id}/msg`, { body: { eventType: own.eventType, payload: {} } });
  assert.doesNotMatch(await heard, /happened/, `the news of ${id} are for who is signed in`);
  await page.goBack();
  await page.getByLabel("API key").waitFor();
  await until("nobody is let in with the old cookie", async () => {
    const answer = await fetch(`${server.url}${path}`, { headers: { cookie: `${name}=${value}` }, redirect: "manual" });
    return answer.status === 303;
  });
});

test("another application's news are not told in a portal", async () => {
  const { own, other, gone } = scenes;
  const page = await portal(own);
  await page.goto(`/portal/${own.app.id}/messages`);
  await page.getByText("Live", { exact: true }).waitFor();
  const rows = await page.locator("tbody tr").count();
  await other.api(`/app/${other.app.id}/msg`, { body: { eventType: other.eventType, payload: {} } });
  await own.api(`/app/${own.app.id}/msg`, { body: { eventType: own.eventType, payload: {} } });
  await page.locator("tbody tr").nth(rows).waitFor();
  assert.equal(await page.locator("tbody tr").count(), rows + 1);
});
