// Takes the pictures of the pages that the documents show, from a demo that runs by itself:
//   node tests/browser/screenshots.mjs [--out docs/pictures] [--only NAME]
// A picture is NAME-light.png or NAME-dark.png; NAME ends with -narrow where the window is that of a telephone.
// CORNET_BIN names the binary.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Browser } from "./support/browser.mjs";
import { apiOf, KEY, until } from "./support/server.mjs";
import { small } from "./support/small_png.mjs";
import { enterPortal } from "./support/sign_in.mjs";

const MESSAGES = 400;
const LISTEN = "127.0.0.1:18494";
const ENVIRONMENTS = { "rose-rocket": "Rose Rocket", shoprocket: "Shoprocket", shipengine: "ShipEngine", standard: "Standard" };

/** Starts a demo; returns how to ask it, and how to end it. */
async function startDemo() {
  const env = { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR ?? "/tmp", CORNET_API_KEY: KEY };
  const child = spawn(process.env.CORNET_BIN, ["demo", "--listen", LISTEN], { env, stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("close", resolve));
  process.once("exit", () => child.kill("SIGKILL"));
  const url = `http://${LISTEN}`;
  await until("the demo serves", () => fetch(`${url}/api/v1/health`).then(({ ok }) => ok, () => false));
  const stop = () => child.kill("SIGTERM") && ended;
  return { url, key: KEY, api: apiOf(url, KEY), stop };
}

/** An environment of the demo: where it is, and how to ask it. */
async function sceneOf(demo, name) {
  const found = async () => (await demo.api("/management/environment")).data.find((environment) => environment.name.startsWith(name));
  const { id } = await until(`the environment ${name}`, found);
  const { token } = await demo.api(`/management/authentication/${id}/api-token`, { body: { name: "Pictures" } });
  return { home: `/environments/${id}`, api: (path, options) => demo.api(path, { key: token, ...options }) };
}

/** Waits until so many messages have been posted in all environments. */
async function untilLively(scenes) {
  await until(`${MESSAGES} messages`, async () => {
    let count = 0;
    for (const { api } of scenes) {
      for (const app of (await api("/app")).data) count += (await api(`/app/${app.id}/msg?limit=250`)).data.length;
    }
    return count >= MESSAGES;
  });
}

/** What is to be seen of a scene: the application with the most endpoints that was sent something, and what that was. */
async function worthSeeing({ api }) {
  const seen = [];
  for (const { id: app } of (await api("/app")).data) {
    const { data: endpoints } = await api(`/app/${app}/endpoint`);
    for (const { id: endpoint } of endpoints) {
      const { data } = await api(`/app/${app}/attempt/endpoint/${endpoint}`);
      const [attempt] = data.filter(({ responseStatusCode }) => responseStatusCode === 200);
      if (attempt) seen.push({ app, endpoint, message: attempt.msgId, attempt: attempt.id, count: endpoints.length });
    }
  }
  assert.ok(seen.length > 0, "nothing was delivered");
  return seen.sort((a, b) => b.count - a.count)[0];
}

/** The dashboard's pages: name, path, and where the window is narrow too. */
function dashboardPages(scene) {
  const { message, attempt } = scene;
  const application = `/applications/${scene.app}`;
  const endpoint = `${application}/endpoints/${scene.endpoint}`;
  const pages = [
    ["overview", "?window=1h", true],
    ["messages", "/messages"],
    ["message", `${application}/messages/${message}`, true],
    ["attempt", `${application}/messages/${message}/attempts/${attempt}`],
    ["failing", "/failing"],
    ["applications", "/applications"],
    ["application", application],
    ["endpoints", "/endpoints"],
    ["endpoint", endpoint],
    ["endpoint-deliveries", `${endpoint}/deliveries`],
    ["endpoint-test", `${endpoint}/test`],
    ["endpoint-transformation", `${endpoint}/transformation`, true],
    ["endpoint-filter", `${endpoint}/filter`],
    ["endpoint-settings", `${endpoint}/settings`],
    ["add-endpoint", `${application}/endpoints/new`],
    ["event-types", "/event-types"],
    ["inboxes", "/inboxes"],
    ["settings", "/settings"],
    ["audit-log", "/settings/audit", true],
    ["environments", "/environments"],
    ["keys", "/keys"],
    ["system", "/system"],
  ];
  return pages.map(([name, path, narrow]) => ({ name, path: scene.home + path, narrow, signedIn: true }));
}

/** The pages of a portal, by its preset. */
function portalPages(preset, scene) {
  const tails = {
    standard: [["portal", "", true], ["portal-logs", "/messages"], ["portal-catalogue", "/event-types"]],
    "rose-rocket": [["portal-rose-rocket", ""]],
    shoprocket: [
      ["portal-shoprocket", ""],
      ["portal-shoprocket-form", "/webhooks/new"],
      ["portal-shoprocket-summary", `/webhooks/${scene.endpoint}`],
      ["portal-shoprocket-test", `/webhooks/${scene.endpoint}`, false, sendTestData],
    ],
    shipengine: [["portal-shipengine", ""], ["portal-shipengine-edit", "?edit=1"]],
  };
  return tails[preset].map(([name, tail, narrow, then]) => ({ name, path: `/portal/${scene.app}${tail}`, narrow, then, portal: scene }));
}

/** Does as a person who wants to see whether an endpoint works. */
async function sendTestData(page) {
  await page.locator("summary", { hasText: "Actions" }).click();
  await page.getByRole("link", { name: "Send test data" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Send test data" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Send again" }).waitFor();
}

/** The inbox that received last. */
async function inboxPage(scene) {
  const { data } = await scene.api("/inbox");
  const received = data.filter(({ lastReceivedAt }) => lastReceivedAt).sort((a, b) => b.lastReceivedAt.localeCompare(a.lastReceivedAt));
  return { name: "inbox", path: new URL(received[0].url).pathname, narrow: true };
}

async function takePictures(browser, wanted, out) {
  for (const { name, path, narrow, signedIn = false, portal, then = async () => {} } of wanted) {
    for (const theme of ["light", "dark"]) {
      for (const width of narrow ? [1280, 390] : [1280]) {
        const page = await browser.page({ theme, width, signedIn });
        if (portal) await enterPortal(page, portal, portal.app);
        await page.goto(path);
        await then(page);
        const file = join(out, `${name}${width === 390 ? "-narrow" : ""}-${theme}.png`);
        await writeFile(file, small(await page.screenshot({ animations: "disabled" })));
        await browser.endPages();
        console.log(file);
      }
    }
  }
}

const { values } = parseArgs({ options: { out: { type: "string", default: "docs/pictures" }, only: { type: "string" } } });
assert.ok(process.env.CORNET_BIN, "CORNET_BIN must name the binary, such as target/debug/cornet");
await mkdir(values.out, { recursive: true });
const demo = await startDemo();
const browser = new Browser(demo);
try {
  await browser.start();
  const scenes = {};
  for (const [preset, name] of Object.entries(ENVIRONMENTS)) scenes[preset] = await sceneOf(demo, name);
  await untilLively(Object.values(scenes));
  for (const scene of Object.values(scenes)) Object.assign(scene, await worthSeeing(scene));
  const seen = scenes.shoprocket;
  const pages = [
    ...dashboardPages(seen),
    ...Object.entries(scenes).flatMap(([preset, scene]) => portalPages(preset, scene)),
    await inboxPage(seen),
    { name: "sign-in", path: "/sign-in" },
  ];
  const wanted = pages.filter(({ name }) => !values.only || values.only === name);
  assert.ok(wanted.length > 0, `there is no page ${values.only}`);
  await takePictures(browser, wanted, values.out);
} finally {
  await browser.stop();
  await demo.stop();
}
