// What this browser remembers between visits: small values by name; a browser that keeps nothing gets the default.

/** @template T @param {string} name @param {T} otherwise @returns {T} */
export function recall(name, otherwise) {
  try {
    const text = localStorage.getItem(`stepwell.${name}`);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/** @param {string} name @param {any} value */
export function remember(name, value) {
  try {
    localStorage.setItem(`stepwell.${name}`, JSON.stringify(value));
  } catch {
    // It is kept for this page only.
  }
}
