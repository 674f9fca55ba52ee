// A picture of a page: the whole page, but no longer than one wants to look at.

const HEIGHT_MAX = 2400;

/** Writes a PNG of the page as it is now. */
export async function takePicture(page, path) {
  const { width } = page.viewportSize();
  const tall = await page.evaluate(() => document.documentElement.scrollHeight);
  const height = Math.min(Math.max(tall, page.viewportSize().height), HEIGHT_MAX);
  await page.screenshot({ path, fullPage: true, clip: { x: 0, y: 0, width, height }, animations: "disabled" });
}
