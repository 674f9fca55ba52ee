// What must hold for every page, whatever it shows: everybody can use it, it fits, and text stays text.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { EVALUATED, MARK } from "./hostile.mjs";
import { until } from "./server.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const STOPS_MAX = 500;
const STOPS_IN_ONE_MAX = 10;

/** Fails with every complaint at once. */
function none(page, what, complaints) {
  assert.ok(complaints.length === 0, `${page.url()}: ${what}:\n  ${complaints.join("\n  ")}`);
}

/**
 * Asserts that axe finds nothing in a page (or in one of its frames): labels, names, roles, landmarks, contrast; or looks
 * at these rules of it only.
 */
export async function accessible(page, rules = RULES) {
  // What a debugger evaluates is not under the page's policy, so the page is checked as it is served.
  if (!(await page.evaluate("window.axe !== undefined"))) await page.evaluate(AXE);
  const { javaScript } = page.page?.() ?? page;
  await page.evaluate(runAxe, { rules, javaScript });
  const violations = await until("axe to come to its end", () => page.evaluate(() => window.axeViolations));
  const where = ({ target, html, failureSummary }) =>
    `  ${target.join(" ")}  ${html.slice(0, 160)}\n      ${failureSummary.replaceAll("\n", "\n      ")}`;
  const lines = violations.flatMap(({ id, impact, help, nodes }) => [
    `${id} (${impact}): ${help}`,
    ...nodes.map(where),
  ]);
  none(page, "not accessible", lines);
}

/** In the page: leaves what axe finds in `axeViolations`. */
function runAxe({ rules, javaScript }) {
  // Where JavaScript is off, no timer ever ends and no promise is awaited; but all that axe waits for is its own turn.
  if (!javaScript) window.setTimeout = (turn, milliseconds) => (milliseconds > 1 ? 0 : Promise.resolve().then(turn));
  const options = { runOnly: rules, resultTypes: ["violations"], iframes: false, preload: javaScript };
  const run = window.axe.run(options).then(({ violations }) => {
    window.axeViolations = violations;
  });
  return javaScript ? run : undefined;
}

/**
 * Goes through the page with the tab key. Asserts that everything that takes the focus has a name, and an outline or a
 * shadow that it has not at rest (on itself, its label, a neighbour or what is around it). Returns the stops in their
 * order, as `link "Messages"`.
 */
export async function focusVisible(page) {
  if (page.javaScript) await live(page);
  const session = await page.context().newCDPSession(page);
  await page.evaluate(rememberRest);
  const stops = [];
  const complaints = [];
  let again = 0;
  while (stops.length < STOPS_MAX) {
    await page.keyboard.press("Tab");
    const { which, ring, html } = await page.evaluate(lookAtFocus);
    if (which === "nothing" || (which === "seen before" && stops.length > 0)) break;
    // A date has several stops in one element, and so has a frame.
    if (which === "same" && ++again > STOPS_IN_ONE_MAX) break;
    if (which === "same") continue;
    again = 0;
    const { role, name } = await focused(session);
    stops.push(`${role} ${JSON.stringify(name)}`);
    if (!ring) complaints.push(`no focus ring: ${html}`);
    if (name === "") complaints.push(`no name: ${html}`);
  }
  await session.detach();
  if (stops.length === 0) complaints.push("nothing takes the focus");
  none(page, "not to be used by keyboard", complaints);
  return stops;
}

/** A page with live parts is made anew once when its news begin; it is walked through after that. */
async function live(page) {
  const waits = () => document.querySelector("body[data-live] [data-live-part]") && !document.querySelector(".live.on");
  await until("the page is live", async () => !(await page.evaluate(waits)));
}

/** The role and the name of what has the focus, as Chromium tells them to a screen reader. */
async function focused(session) {
  const { result } = await session.send("Runtime.evaluate", { expression: "document.activeElement" });
  const { objectId } = result;
  const { nodes } = await session.send("Accessibility.getPartialAXTree", { objectId, fetchRelatives: false });
  const [node] = nodes;
  return { role: node.role?.value ?? "nothing", name: (node.name?.value ?? "").trim() };
}

/** In the page: notes how every element looks while nothing has the focus. */
function rememberRest() {
  const seen = (style) => {
    const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    const outline = drawn && !/, 0\)|\/ 0\)/.test(style.outlineColor) ? style.outline : "";
    const shadow = style.boxShadow === "none" ? "" : style.boxShadow;
    return outline + shadow;
  };
  const rings = (element) => ["", "::before", "::after"].map((part) => seen(getComputedStyle(element, part || null)));
  document.activeElement?.blur();
  const atRest = new Map([...document.querySelectorAll("*")].map((element) => [element, rings(element)]));
  window.focusWalk = { rings, atRest, stops: new Set(), last: null };
}

/** In the page: what has the focus now, and whether one can see that. */
function lookAtFocus() {
  const { rings, atRest, stops, last } = window.focusWalk;
  const element = document.activeElement;
  if (!element || element === document.body || element === document.documentElement) return { which: "nothing" };
  if (element === last) return { which: "same" };
  if (stops.has(element)) return { which: "seen before" };
  stops.add(element);
  window.focusWalk.last = element;
  const around = [element, element.previousElementSibling, element.nextElementSibling, ...(element.labels ?? [])];
  for (let outer = element.parentElement; outer && outer !== document.body; outer = outer.parentElement) {
    around.push(outer);
  }
  const shown = (one) => one?.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const ring = around.filter(shown).some((one) => {
    const rest = atRest.get(one) ?? [];
    return rings(one).some((now, part) => now !== "" && now !== rest[part]);
  });
  return { which: "new", ring, html: element.outerHTML.slice(0, 160) };
}

/** Asserts that the page is not wider than the window; names what sticks out. */
export async function noSideways(page) {
  const { wide, width, culprits } = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const wide = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth);
    const scrolls = (element) => getComputedStyle(element).overflowX !== "visible";
    const inScroller = (element) => {
      for (let outer = element.parentElement; outer && outer !== document.body; outer = outer.parentElement) {
        if (scrolls(outer)) return true;
      }
      return false;
    };
    const out = [...document.body.querySelectorAll("*")].filter((element) => {
      const { right, width: own } = element.getBoundingClientRect();
      return own > 0 && right > width + 1 && !inScroller(element);
    });
    return { wide, width, culprits: out.slice(0, 5).map((element) => element.outerHTML.slice(0, 160)) };
  });
  none(page, `wider than the window`, wide > width + 1 ? [`${wide} px in a window of ${width} px`, ...culprits] : []);
}

/**
 * Asserts that nothing of the corpus became more than text, in any frame, and that the page shows at least one of its
 * strings: a page that shows none proves nothing. Returns the names of those that it shows.
 */
export async function harmless(page, corpus) {
  const names = corpus.map(({ name }) => name);
  const frames = await Promise.all(page.frames().map((frame) => frame.evaluate(lookForHarm, { names, MARK, EVALUATED })));
  none(page, "hostile text became more than text", frames.flatMap(({ harm }) => harm));
  const shown = names.filter((name) => frames.some((frame) => frame.shown.includes(name)));
  none(page, "nothing of the corpus is shown here", shown.length === 0 ? names : []);
  return shown;
}

/** In the page: what hostile text has become, and which of it is readable. */
function lookForHarm({ names, MARK, EVALUATED }) {
  const harm = [];
  const elements = [...document.querySelectorAll("*")];
  const cut = (element) => element.outerHTML.slice(0, 160);
  for (const element of elements) {
    if (element.hasAttribute(MARK)) harm.push(`became markup: ${cut(element)}`);
    for (const { name, value } of element.attributes) {
      // Cornet's own pages have no handlers in attributes: their policy forbids them.
      if (name.startsWith("on")) harm.push(`became a handler: ${cut(element)}`);
      const leads = ["href", "src", "action", "formaction", "xlink:href", "data", "srcdoc"].includes(name);
      const address = value.replace(/[\u0000-\u0020]/g, "").toLowerCase();
      if (leads && /^(javascript|vbscript|data:text\/html)/.test(address)) harm.push(`became a link: ${cut(element)}`);
    }
  }
  if (window.hostile !== undefined) harm.push(`was run: ${window.hostile}`);
  const values = elements.map((element) => (typeof element.value === "string" ? element.value : ""));
  const readable = `${document.body.innerText}\n${values.join("\n")}`.toLowerCase();
  if (readable.includes(EVALUATED)) harm.push(`was evaluated: ${EVALUATED}`);
  const inline = (element) => /^(inline|contents)$/.test(getComputedStyle(element).display);
  const isolates = (element) => /isolate|plaintext/.test(getComputedStyle(element).unicodeBidi);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (!/[\u202a-\u202e\u2066-\u2069]/.test(text.data) || text.parentElement.matches("script, textarea")) continue;
    let holder = text.parentElement;
    while (inline(holder) && !isolates(holder) && holder !== document.body) holder = holder.parentElement;
    // A block isolates what is in it from other blocks, but the parts of its own line not from each other.
    const whole = text.data.trim();
    const fills = holder.textContent.trim() === whole && names.some((name) => whole.startsWith(name));
    const alone = fills || (inline(holder) && isolates(holder));
    if (!alone) harm.push(`turns the text around it (use <bdi>): ${cut(holder)}`);
  }
  return { harm, shown: names.filter((name) => readable.includes(name)) };
}
