// Small comforts: menus that close, filters that apply themselves, trees that can be searched and ticked by the group,
// forms that are sent once, and keys to move about.
{
  // What only works with scripts is there only where they run.
  function reveal() {
    for (const part of document.querySelectorAll("[data-scripted][hidden]")) part.hidden = false;
  }
  reveal();
  document.addEventListener("cornet:swapped", reveal);

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.drop[open]")) {
      if (!menu.contains(event.target) || event.target.closest("a[data-dialog]")) menu.open = false;
    }
  });

  document.addEventListener("change", (event) => {
    const control = event.target;
    if (control.closest("form[data-filters]") && control.matches("select, input[type=checkbox]")) control.form.requestSubmit();
    const choice = control.closest("details.drop")?.querySelector("[data-chosen]");
    if (choice) {
      const ticked = [...choice.closest("details").querySelectorAll("input:checked")].map((box) => box.value);
      choice.textContent = ticked.join(", ") || choice.dataset.chosen;
    }
    if (control.matches("[data-tick-all]")) {
      for (const box of control.closest("fieldset").querySelectorAll("input[type=checkbox]")) box.checked = control.checked;
    }
  });

  document.addEventListener("input", (event) => {
    const search = event.target.closest?.("input[data-searches]");
    if (!search) return;
    const wanted = search.value.trim().toLowerCase();
    const tree = document.getElementById(search.dataset.searches);
    for (const item of tree.querySelectorAll("[data-item]")) item.hidden = !item.textContent.toLowerCase().includes(wanted);
    for (const group of tree.querySelectorAll("fieldset")) {
      group.hidden = ![...group.querySelectorAll("[data-item]")].some((item) => !item.hidden);
    }
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  document.querySelector("form[data-submit-at-once]")?.requestSubmit();

  function move(step) {
    const rows = [...document.querySelectorAll("tbody tr")].filter((row) => row.querySelector("a"));
    const here = rows.findIndex((row) => row.contains(document.activeElement));
    const next = rows[Math.min(rows.length - 1, Math.max(0, here + step))];
    next?.querySelector("a")?.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of document.querySelectorAll("details.drop[open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
    if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search) { event.preventDefault(); search.focus(); }
    }
    if (event.key === "j") move(1);
    if (event.key === "k") move(-1);
  });
}
