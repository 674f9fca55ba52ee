// Every page: everybody can read and use it, in both themes, wide and narrow, with scripts and without; it says what it
// is, and nothing from elsewhere gets into it.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { useBrowser } from "./support/browser.mjs";
import { accessible, focusVisible, noSideways } from "./support/look.mjs";
import { arrangedPages, consumerPages, makeScene, operatorPages, PRESETS } from "./support/scene.mjs";
import { useReceiver, useServer } from "./support/server.mjs";
import { enterPortal, signIn } from "./support/sign_in.mjs";

const server = useServer();
const receiver = useReceiver();
const browser = useBrowser(server);

const HEIGHT = 800;
const POLICY = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

const scenes = {};
beforeEach(async () => {
  if (scenes.standard) return;
  for (const preset of Object.keys(PRESETS)) scenes[preset] = await makeScene(server, receiver, preset);
});

/** Opens a page and asserts what it is. */
async function open(page, path, title, status = 200) {
  if (status >= 400) page.expectNoise(new RegExp(`status of ${status}`));
  const answer = await page.goto(path);
  const { "content-security-policy": policy, "cache-control": caching, "x-frame-options": framing } = answer.headers();
  assert.deepEqual([answer.status(), policy, caching, framing], [status, POLICY, "no-store", "DENY"], path);
  assert.equal((await page.title()).split(" · ")[0], title, path);
  assert.deepEqual(await page.locator("h1").allInnerTexts(), [title], path);
}

/** Asserts that a page is for everybody: by keyboard, wide and narrow, in light and dark. */
async function isForEverybody(page) {
  await page.emulateMedia({ colorScheme: "light" });
  await focusVisible(page);
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: HEIGHT });
    await noSideways(page);
    await accessible(page);
    // The other theme has other colours, and nothing else.
    await page.emulateMedia({ colorScheme: width === 1280 ? "dark" : "light" });
    await accessible(page, ["color-contrast"]);
  }
}

/** Asserts that a page can be read and that its forms can be sent where no script runs. */
async function isWhole(page) {
  assert.ok(await page.locator("h1").isVisible(), page.url());
  const stuck = await page.locator("form[method=post]").evaluateAll((forms) => {
    const sends = (form) => [...form.elements].some((element) => element.type === "submit");
    return forms.filter((form) => !sends(form)).map((form) => form.outerHTML.slice(0, 160));
  });
  assert.deepEqual(stuck, [], page.url());
}

/** Goes through pages, each with its title and perhaps its status. */
async function everyPage(comeIn, pages) {
  const [page, plain] = [await comeIn({}), await comeIn({ javaScript: false })];
  for (const [path, ...what] of pages) {
    await page.setViewportSize({ width: 1280, height: HEIGHT });
    await open(page, path, ...what);
    await isForEverybody(page);
    await open(plain, path, ...what);
    await isWhole(plain);
  }
}

const PARTS = 3;
for (let part = 0; part < PARTS; part++) {
  test(`every page of the dashboard is for everybody, part ${part + 1} of ${PARTS}`, async () => {
    const { standard } = scenes;
    const pages = [...operatorPages(standard), [`/environments/${standard.environment.id}/nowhere`, "Not found", 404]];
    const comeIn = (options) => browser.page({ signedIn: true, ...options });
    await everyPage(comeIn, pages.filter((_, index) => index % PARTS === part));
  });
}

for (const preset of Object.keys(PRESETS)) {
  test(`every page of the portal of ${preset} is for everybody`, async () => {
    const scene = scenes[preset];
    const comeIn = async (options) => {
      const page = await browser.page(options);
      await enterPortal(page, scene, scene.app.id);
      return page;
    };
    // The pages that all portals have are looked at in one of them.
    const pages = preset === "standard" ? consumerPages(scene) : arrangedPages(scene);
    await everyPage(comeIn, [...pages, [`/portal/${scene.app.id}/nowhere`, "Not found", 404]]);
  });
}

test("every page for who is not signed in is for everybody", async () => {
  const { inbox, app } = scenes.standard;
  const { pathname } = new URL(inbox.url);
  await everyPage((options) => browser.page(options), [
    ["/sign-in", "Sign in"],
    [pathname, "Test inbox"],
    [`${pathname.replace("/inbox/", "/inboxes/")}/clear`, "Clear this inbox?"],
    ["/inbox/nobodys", "Not found", 404],
    [`/portal/${app.id}`, "Your visit has ended", 401],
  ]);
});

test("a link that comes in asks for one click where no script runs", async () => {
  for (const path of ["/sign-in?code=spent", `/portal/${scenes.standard.app.id}/enter?code=spent`]) {
    const page = await browser.page({ javaScript: false });
    await open(page, path, "Come in");
    await isForEverybody(page);
    await isWhole(page);
  }
});

test("who is not an administrator is told so", async () => {
  const { key, environment } = scenes.standard;
  const page = await browser.page();
  await signIn(page, key.token);
  await open(page, `/environments/${environment.id}/keys`, "Not allowed", 403);
  await isForEverybody(page);
});
