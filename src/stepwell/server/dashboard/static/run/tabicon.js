// The icon of the browser's tab: marked while the run it shows has failed.

const PLAIN = "favicon.svg";
const FAILED = "favicon-failed.svg";

/** @param {boolean} failed */
export function markTab(failed) {
  const link = document.querySelector('link[rel="icon"]');
  const now = link?.getAttribute("href") ?? "";
  const next = now.replace(/favicon(-failed)?\.svg$/, failed ? FAILED : PLAIN);
  if (link && next !== now) link.setAttribute("href", next);
}
