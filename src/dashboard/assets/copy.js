// Copying: a button copies the text of the element that it names, and says so.
{
  function prepare(root) {
    for (const button of root.querySelectorAll("button[data-copy][hidden]")) button.hidden = false;
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    if (!source) return;
    const label = button.querySelector("[data-label]");
    const before = label?.textContent;
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      if (label) label.textContent = "Copied";
    } catch {
      // Without a secure origin there is no clipboard: the text is selected, for the reader's own copy command.
      getSelection()?.selectAllChildren(source);
      if (label) label.textContent = "Press Ctrl+C";
    }
    if (label) setTimeout(() => { label.textContent = before; }, 1_500);
  });

  prepare(document);
  document.addEventListener("cornet:swapped", () => prepare(document));
}
