// How a person comes in: an operator with a key, a customer with a link to the portal.

import { KEY } from "./server.mjs";

/** Signs in to the dashboard with an API key. */
export async function signIn(page, key = KEY) {
  await page.goto("/sign-in");
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => url.pathname !== "/sign-in");
}

/** Makes a link to the portal of an application, and comes in by it; `access` is the body of that request. */
export async function enterPortal(page, server, app, access = {}) {
  const { url } = await server.api(`/auth/app-portal-access/${app}`, { body: access });
  await page.goto(url);
  // A script sends the form for those who have JavaScript.
  if (!page.javaScript) await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL((now) => !now.pathname.endsWith("/enter"));
}
