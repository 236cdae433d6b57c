// Logging in with an API key: it becomes a session of this browser.

import {icon, logo} from "../components/icons.js";
import {session, signIn, signOut} from "../lib/api.js";
import {h} from "../lib/dom.js";
import {go} from "../lib/router.js";

/** @param {import("../lib/router.js").Place} place @returns {import("../lib/router.js").Page} */
export function loginPage({query}) {
  const next = /^\/(?![/\\])/.test(query.get("next") ?? "") ? String(query.get("next")) : "/";
  const field = h("input", {class: "input mono", id: "login-key", type: "password", name: "key", autocomplete: "current-password", spellcheck: "false", required: true, placeholder: "swk_…", "aria-describedby": "login-note"});
  const note = h("p", {class: "login-note", id: "login-note", role: "alert"});
  const button = h("button", {type: "submit", class: "button primary"}, "Log in");

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    const key = field.value.trim();
    if (!key) return complain("Paste a key. It begins with swk_.");
    button.classList.add("busy");
    try {
      await signIn(key);
      go(next, {replace: true});
    } catch (error) {
      const problem = /** @type {import("../lib/api.js").Problem} */ (error);
      complain(problem.status === 429 ? `Too many tries. Again in ${problem.retryAfter ?? 60}s.` : problem.status === 401 ? "This key is unknown, expired or revoked." : problem.message);
    } finally {
      button.classList.remove("busy");
    }
  }

  /** @param {string} text */
  function complain(text) {
    note.replaceChildren(icon("failed"), h("span", {}, text));
    field.setAttribute("aria-invalid", "true");
    field.focus();
    field.select();
  }

  const already = session.authenticated ? h("p", {class: "soft"}, session.open ? "This server is open: no key is needed from this machine." : `You are here as ${session.name}.`, " ", h("button", {type: "button", class: "link", onclick: () => go(next)}, "Go on"), session.open ? null : [" or ", h("button", {type: "button", class: "link", onclick: async () => { await signOut(); go("/login", {replace: true}); }}, "log out")]) : null;
  return {title: "Log in", element: h("div", {class: "login"}, h("form", {class: "login-box panel", novalidate: true, onsubmit: (/** @type {Event} */ event) => void submit(event)},
    h("p", {class: "login-brand"}, logo(24), "stepwell"), h("h1", {}, "Log in with an API key"), already,
    h("div", {}, h("label", {for: "login-key"}, "API key"), field, note), button,
    h("p", {class: "quiet"}, "Without one: ", h("code", {}, "stepwell keys create NAME --scope read"), " on the server prints a key once. The browser keeps a session, not the key.")))};
}
