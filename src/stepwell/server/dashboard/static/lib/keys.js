// The keyboard: single keys, sequences ("g r") and shortcuts ("Mod+k"); off while typing, and where they are switched off.

/** @typedef {{keys: string, does: string, run: (event: KeyboardEvent) => void, typing?: boolean}} Binding `typing`: also in fields */

const OFF = "stepwell.keys";
const PAUSE = 900;
const MAC = /mac|iphone|ipad/i.test(navigator.platform);

/** @type {(() => Binding[])[]} */
const layers = [];
/** @type {number} how many dialogs are open: then only they hear keys */
let closed = 0;
let prefix = "";
let timer = 0;

/**
 * Adds bindings; those added last come first. The answer takes them back.
 * @param {() => Binding[]} bindings
 */
export function bind(bindings) {
  layers.unshift(bindings);
  return () => {
    const at = layers.indexOf(bindings);
    if (at >= 0) layers.splice(at, 1);
  };
}

/** While something modal is open, the page's keys rest. The answer ends it. */
export function hush() {
  closed += 1;
  let over = false;
  return () => {
    if (!over) closed -= 1;
    over = true;
  };
}

export const single = {
  get on() {
    return kept() !== "off";
  },
  set on(value) {
    try {
      localStorage.setItem(OFF, value ? "on" : "off");
    } catch {
      // Kept for this page alone.
    }
  },
};

function kept() {
  try {
    return localStorage.getItem(OFF);
  } catch {
    return null;
  }
}

/** All bindings that hold here, those of the page first. */
export const bindings = () => layers.flatMap((layer) => layer());

/** How a binding is shown: ["⌘", "K"]. @param {string} keys */
export const shown = (keys) => keys.split(/[ +](?=.)/).map((key) => NAMES[key] ?? (key.length === 1 ? key : key));
const NAMES = /** @type {Record<string, string>} */ ({Mod: MAC ? "⌘" : "Ctrl", Enter: "↵", Escape: "esc", ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Shift: "⇧", k: "k"});

/** @param {KeyboardEvent} event */
function named(event) {
  const mod = MAC ? event.metaKey : event.ctrlKey;
  const key = event.key.length === 1 && (mod || event.shiftKey) && /[A-Z]/i.test(event.key) ? event.key.toLowerCase() : event.key;
  return `${mod ? "Mod+" : ""}${event.shiftKey && (key.length > 1 || /[a-z]/.test(key)) ? "Shift+" : ""}${key}`;
}

/** @param {EventTarget|null} target */
const isField = (target) => target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=checkbox]):not([type=radio]):not([type=button]), textarea, select"));

/** @param {EventTarget|null} target @param {string} key */
const isOwn = (target, key) => target instanceof HTMLElement && (key === "Enter" || key === " ") && target.matches("a, button, summary, [role=option], [role=menuitem], [role=tab]");

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.defaultPrevented || event.isComposing || closed || event.altKey) return;
  const key = named(event);
  const typing = isField(event.target);
  if (isOwn(event.target, event.key) || (key.includes("Mod") ? false : typing ? false : !single.on && event.key.length === 1)) return;
  if (!MAC ? event.metaKey : event.ctrlKey) return;
  const whole = prefix ? `${prefix} ${key}` : key;
  const all = bindings().filter((binding) => !typing || binding.typing);
  const found = all.find((binding) => binding.keys === whole);
  clearTimeout(timer);
  prefix = "";
  if (found) {
    if (!["Escape"].includes(key)) event.preventDefault();
    found.run(event);
  } else if (!typing && all.some((binding) => binding.keys.startsWith(`${whole} `))) {
    prefix = whole;
    timer = window.setTimeout(() => { prefix = ""; }, PAUSE);
  }
}

document.addEventListener("keydown", pressed);
