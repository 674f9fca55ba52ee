// Live pages: when the server says that something has happened, the parts of the page that are marked live are fetched
// anew and put in place; rows that were not there before light up. Nothing is fetched while the page is hidden.
{
  const source = document.body.dataset.live;
  const pause_ms = 1_000;
  let dirty = false;
  let working = false;
  let last = 0;

  const parts = () => [...document.querySelectorAll("[data-live-part][id]")];

  function put(part, fresh) {
    const before = new Set([...part.querySelectorAll("tr[id], li[id]")].map((row) => row.id));
    const open = new Set([...part.querySelectorAll("details[open][id]")].map((details) => details.id));
    for (const row of fresh.querySelectorAll("tr[id], li[id]")) {
      if (before.size > 0 && !before.has(row.id)) row.classList.add("new");
    }
    for (const details of fresh.querySelectorAll("details[id]")) {
      if (open.has(details.id)) details.open = true;
    }
    const focused = part.contains(document.activeElement) && counterpart(document.activeElement, fresh);
    part.replaceWith(fresh);
    if (focused) focused.focus({ preventScroll: true });
  }

  // What stands in the fresh part where this element stands in the old one: under the same id, or at the same place in
  // the nearest row (or other element) with an id.
  function counterpart(element, fresh) {
    const within = (root, id) => (root.id === id ? root : root.querySelector(`[id="${CSS.escape(id)}"]`));
    if (element.id) return within(fresh, element.id);
    const around = element.closest("[id]");
    const place = [...around.querySelectorAll(element.localName)].indexOf(element);
    return within(fresh, around.id)?.querySelectorAll(element.localName)[place];
  }

  // Something that the reader is working on is not taken from under the hands.
  const busy = (part) => part.querySelector("td input:checked, header input:checked")
    || part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");

  async function refresh() {
    working = true;
    dirty = false;
    last = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { "x-fragment": "live" } });
      if (answer.ok && !answer.redirected) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of parts()) {
          const fresh = page.getElementById(part.id);
          if (fresh && !busy(part)) put(part, document.adoptNode(fresh));
        }
        document.dispatchEvent(new CustomEvent("cornet:swapped"));
      }
    } catch {
      // The connection is gone; the event source says so, and comes back by itself.
    }
    working = false;
    if (dirty) schedule();
  }

  function schedule() {
    dirty = true;
    if (working || document.hidden) return;
    const wait = Math.max(0, last + pause_ms - Date.now());
    working = true;
    setTimeout(refresh, wait);
  }

  if (source && parts().length > 0) {
    const state = (on) => {
      for (const mark of document.querySelectorAll(".live")) {
        mark.classList.toggle("on", on);
        mark.textContent = on ? "Live" : "Offline";
        mark.hidden = false;
      }
    };
    const events = new EventSource(source);
    // What happened before the news began, or while they were interrupted, has been told to nobody: the page is live
    // when it has been made anew once.
    events.addEventListener("open", schedule);
    events.addEventListener("error", () => state(false));
    events.addEventListener("happened", schedule);
    document.addEventListener("visibilitychange", () => { if (!document.hidden && dirty) schedule(); });
    document.addEventListener("cornet:swapped", () => state(events.readyState === EventSource.OPEN));
    addEventListener("pagehide", () => events.close());
    // A page that comes back out of the browser's memory starts anew.
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }
}
