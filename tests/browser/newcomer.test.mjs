// An empty installation leads a person to a first delivery, in the browser alone, with scripts or without; a step that
// is done elsewhere is ticked too.

import assert from "node:assert/strict";
import { test } from "node:test";
import { useBrowser } from "./support/browser.mjs";
import { accessible, focusVisible, noSideways } from "./support/look.mjs";
import { startServer, until, useReceiver } from "./support/server.mjs";
import { signIn } from "./support/sign_in.mjs";

const site = {};
const receiver = useReceiver();
const browser = useBrowser(site);

/** Runs with an installation of its own, which nobody has used. */
async function onAnEmptyServer(run) {
  const server = await startServer();
  Object.assign(site, server);
  try {
    await run(server);
  } finally {
    // What a page still asks of a server that is gone would be noise.
    await browser.endPages();
    await server.stop();
  }
}

const done = (page) => page.locator(".checklist > li.done").count();

/** Without scripts a page has to be looked at again. */
async function untilDone(page, steps) {
  await until(`${steps} steps are done`, async () => {
    if (!page.javaScript) await page.reload();
    return (await done(page)) === steps;
  });
}

for (const javaScript of [true, false]) {
  test(`three clicks lead to a first delivery, ${javaScript ? "with" : "without"} JavaScript`, () =>
    onAnEmptyServer(async () => {
      const page = await browser.page({ javaScript });
      await signIn(page);
      assert.equal(await done(page), 0);
      await accessible(page);
      await page.getByRole("button", { name: "Create an inbox endpoint" }).click();
      await page.getByRole("button", { name: "Send an example" }).waitFor();
      assert.equal(await done(page), 1);
      await page.getByRole("button", { name: "Send an example" }).click();
      await untilDone(page, 3);
      await page.getByRole("heading", { name: "Your first message has arrived" }).waitFor();
      await page.getByRole("link", { name: "Look at the message" }).click();
      await page.getByText("The endpoint took it.").waitFor();
    }));
}

test("steps that a program takes are ticked while one looks on", () =>
  onAnEmptyServer(async (server) => {
    const page = await browser.page();
    await signIn(page);
    await page.goto("/");
    await page.locator(".live.on").waitFor();
    await server.api("/app/default/endpoint", { body: { url: "https://localhost.invalid/hook" } });
    await page.getByRole("button", { name: "Send an example" }).waitFor();
    const command = await page.locator("#start-curl").textContent();
    assert.match(command, /\/api\/v1\/app\/default\/msg/);
    await server.api("/app/default/msg", { body: JSON.parse(command.match(/-d '(.*)'$/s)[1]) });
    await untilDone(page, 2);
    assert.equal(await page.getByRole("link", { name: "Look at the message" }).count(), 1);
  }));

for (const [theme, width] of [["light", 1280], ["dark", 390]]) {
  test(`the overview is for everybody, ${theme}, ${width} px`, () =>
    onAnEmptyServer(async (server) => {
      await server.api("/app/default/endpoint", { body: { url: receiver.url("/two") } });
      for (const n of [1, 2]) await server.api("/app/default/msg", { body: { eventType: "order.created", payload: { n } } });
      const page = await browser.page({ theme, width });
      await signIn(page);
      await until("both are delivered", async () => (await page.reload()) && (await page.getByText("204", { exact: true }).count()) === 2);
      await accessible(page);
      await focusVisible(page);
      await noSideways(page);
    }));
}
