// Dialogs: a link marked for it opens the page that it leads to in a dialog; forms in there are sent from there, and
// the answer is shown in it, unless it leads elsewhere. Without a script the link is just a link.
{
  let dialog;

  function content(page) {
    const body = page.querySelector("[data-dialog-body]");
    const title = body?.dataset.dialogTitle ?? page.querySelector("h1")?.textContent ?? document.title;
    return body ? { body: document.adoptNode(body), title } : undefined;
  }

  function show({ body, title }) {
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.setAttribute("aria-labelledby", "dialog-title");
      dialog.innerHTML = "<header><h2 id='dialog-title'></h2><button class='button plain icon' type='button' "
        + "aria-label='Close' data-close>&#x2715;</button></header><div class='body'></div>";
      dialog.addEventListener("click", (event) => {
        const closes = event.target.closest("[data-close]");
        if (closes) event.preventDefault();
        if (closes || event.target === dialog) dialog.close();
      });
      document.body.append(dialog);
    }
    dialog.querySelector("#dialog-title").textContent = title;
    dialog.querySelector(".body").replaceChildren(body);
    if (!dialog.open) dialog.showModal();
    dialog.querySelector("[autofocus]")?.focus();
    document.dispatchEvent(new CustomEvent("cornet:swapped"));
  }

  async function load(url, options) {
    try {
      const answer = await fetch(url, options);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = content(page);
      if (found) show(found);
      else location.assign(answer.url);
    } catch {
      location.assign(url);
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    load(link.href);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!dialog?.contains(form)) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    if (form.method === "post") load(form.action, { method: "POST", body });
    else load(`${form.action}?${body}`);
  });
}
