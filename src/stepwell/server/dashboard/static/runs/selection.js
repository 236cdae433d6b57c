// Which runs are selected: some by hand, or all that match the filter.

/** @param {() => any[]} rows @param {() => void} changed */
export function selection(rows, changed) {
  /** @type {Map<string, any>} */
  const chosen = new Map();
  let all = false;
  let anchor = "";

  /** @param {any} run @param {boolean} extend */
  function flip(run, extend) {
    const list = rows();
    if (all) {
      all = false;
      for (const each of list) chosen.set(each.key, each);
    }
    const on = !chosen.has(run.key);
    const from = list.findIndex((each) => each.key === anchor);
    const to = list.findIndex((each) => each.key === run.key);
    const range = extend && from >= 0 ? list.slice(Math.min(from, to), Math.max(from, to) + 1) : [run];
    for (const each of range) {
      if (on || (extend && range.length > 1)) chosen.set(each.key, each);
      else chosen.delete(each.key);
    }
    anchor = run.key;
    changed();
  }

  return {
    flip,
    /** @param {string} key */
    has: (key) => all || chosen.has(key),
    get all() { return all; },
    get size() { return chosen.size; },
    /** The runs chosen by hand, as they are now. */
    runs: () => rows().filter((run) => chosen.has(run.key)),
    page() {
      for (const run of rows()) chosen.set(run.key, run);
      changed();
    },
    everything() {
      all = true;
      changed();
    },
    clear() {
      if (!chosen.size && !all) return;
      chosen.clear();
      all = false;
      changed();
    },
    isEmpty: () => chosen.size === 0 && !all,
  };
}
