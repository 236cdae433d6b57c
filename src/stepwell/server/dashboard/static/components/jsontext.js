// JSON as a person types it: parsed, with the line and column of the first mistake. Pure.

/** @typedef {{line: number, column: number, at: number, message: string}} Mistake */

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const SPACE = /[ \t\r\n]*/y;
const DEEPEST = 200;

/**
 * The value of a JSON text, or where it stops being JSON.
 * @param {string} text
 * @returns {{value: any, mistake: null} | {value: undefined, mistake: Mistake}}
 */
export function parse(text) {
  try {
    const end = space(text, value(text, space(text, 0), 0));
    if (end < text.length) throw new Stop(end, "Expected the end here.");
    return {value: JSON.parse(text), mistake: null};
  } catch (error) {
    const stop = error instanceof Stop ? error : new Stop(text.length, "Is not JSON.");
    const before = text.slice(0, stop.at).split("\n");
    return {value: undefined, mistake: {line: before.length, column: (before.at(-1) ?? "").length + 1, at: stop.at, message: stop.message}};
  }
}

class Stop extends Error {
  /** @param {number} at @param {string} message */
  constructor(at, message) {
    super(message);
    this.at = at;
  }
}

/** @param {RegExp} pattern @param {string} text @param {number} at @returns {RegExpExecArray|null} */
function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** @param {string} text @param {number} at */
const space = (text, at) => at + (match(SPACE, text, at)?.[0].length ?? 0);

/** @param {string} text @param {number} at @param {number} depth @returns {number} where the value ends */
function value(text, at, depth) {
  if (depth > DEEPEST) throw new Stop(at, `Is nested deeper than ${DEEPEST} levels.`);
  const first = text[at];
  if (first === undefined) throw new Stop(at, "Expected a value.");
  if (first === '"') return string(text, at);
  if (first === "{") return members(text, at, depth, "}", true);
  if (first === "[") return members(text, at, depth, "]", false);
  const word = match(WORD, text, at);
  if (word) return at + word[0].length;
  const number = match(NUMBER, text, at);
  if (!number) throw new Stop(at, first === "'" ? "Strings are written in double quotes." : "Expected a value.");
  if (!number[1] && !number[2] && !Number.isSafeInteger(Number(number[0]))) {
    throw new Stop(at, "Too large to be sent from a browser without rounding; use the command line.");
  }
  return at + number[0].length;
}

/** @param {string} text @param {number} at @returns {number} */
function string(text, at) {
  for (let index = at + 1; index < text.length; index++) {
    const char = text[index];
    if (char === '"') return index + 1;
    if (char < " ") throw new Stop(index, char === "\n" ? 'Expected the closing " of this text.' : "Write this character as an escape, \\n or \\u0009.");
    if (char !== "\\") continue;
    const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
    const found = match(escape, text, index);
    if (!found) throw new Stop(index, "Is not an escape that JSON knows.");
    index += found[0].length - 1;
  }
  throw new Stop(text.length, 'Expected the closing " of this text.');
}

/** @param {string} text @param {number} at @param {number} depth @param {string} close @param {boolean} named @returns {number} */
function members(text, at, depth, close, named) {
  let index = space(text, at + 1);
  if (text[index] === close) return index + 1;
  const names = new Set();
  for (;;) {
    if (named) {
      if (text[index] !== '"') throw new Stop(index, "Expected a name in double quotes.");
      const end = string(text, index);
      const name = JSON.parse(text.slice(index, end));
      if (names.has(name)) throw new Stop(index, "This name is there twice.");
      names.add(name);
      index = space(text, end);
      if (text[index] !== ":") throw new Stop(index, "Expected : after the name.");
      index = space(text, index + 1);
    }
    index = space(text, value(text, index, depth + 1));
    if (text[index] === close) return index + 1;
    if (text[index] !== ",") throw new Stop(index, `Expected , or ${close}.`);
    const comma = index;
    index = space(text, index + 1);
    if (text[index] === close) throw new Stop(comma, `No comma before ${close}.`);
  }
}
