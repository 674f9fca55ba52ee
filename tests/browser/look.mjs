// One picture of one page of a running Cornet, for who works on it:
//   node tests/browser/look.mjs URL OUT.png [--dark] [--width 390] [--key KEY] [--no-js] [--click SELECTOR]... [--check]
// With a key it signs in first. What went wrong in the page is printed; --check also says who could not use the page.

import { parseArgs } from "node:util";
import { Browser } from "./support/browser.mjs";
import { accessible, focusVisible, noSideways } from "./support/look.mjs";
import { takePicture } from "./support/picture.mjs";

const options = {
  dark: { type: "boolean", default: false },
  width: { type: "string", default: "1280" },
  key: { type: "string" },
  "no-js": { type: "boolean", default: false },
  click: { type: "string", multiple: true, default: [] },
  check: { type: "boolean", default: false },
};
const { values, positionals } = parseArgs({ options, allowPositionals: true });
const [address, out] = positionals;
if (!out) {
  console.error("usage: look.mjs URL OUT.png [--dark] [--width 390] [--key KEY] [--no-js] [--click SELECTOR] [--check]");
  process.exit(2);
}
const url = new URL(address);

/** Says what a check found, and goes on. */
async function tell(check) {
  await check.catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}

const browser = new Browser({ url: url.origin, key: values.key });
try {
  await browser.start();
  const page = await browser.page({
    javaScript: !values["no-js"],
    theme: values.dark ? "dark" : "light",
    width: Number(values.width),
    signedIn: values.key !== undefined,
  });
  await page.goto(url.href);
  for (const selector of values.click) await page.click(selector);
  await takePicture(page, out);
  for (const check of values.check ? [noSideways, accessible, focusVisible] : []) await tell(check(page));
  await tell(browser.endPages());
} finally {
  await browser.stop();
}
