// Times: how long ago, kept up to date; the title tells the exact time where the reader is.
{
  const units = [["day", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1_000]];
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

  function relative(ms) {
    const distance = ms - Date.now();
    const [name, unit] = units.find(([, unit]) => Math.abs(distance) >= unit) ?? [];
    if (!unit) return "just now";
    const count = Math.trunc(Math.abs(distance) / unit);
    const length = `${count} ${name}${name === "day" && count !== 1 ? "s" : ""}`;
    return distance > 0 ? `in ${length}` : `${length} ago`;
  }

  function tell(root) {
    for (const time of root.querySelectorAll("time[data-ago]")) {
      const ms = Date.parse(time.dateTime);
      const text = relative(ms);
      if (time.textContent !== text) time.textContent = text;
      if (!time.dataset.told) {
        time.dataset.told = "yes";
        time.title = exact.format(ms);
      }
    }
  }

  tell(document);
  setInterval(() => tell(document), 5_000);
  document.addEventListener("cornet:swapped", () => tell(document));
}
