// Which other runs failed like this one: the cause among the clusters that the server makes.

/** @typedef {{cause: string, type: string, message: ({text: string}|{hole: string})[], where: string|null, workflow: string, workflows: string[], count: number, first_at: string, last_at: string, spark: number[], filter: Record<string, any>}} Cause */

/**
 * The cluster that a failure belongs to, if there is one.
 * @param {Cause[]} causes
 * @param {{type: string, message: string}} failure
 * @param {string} workflow
 * @returns {Cause|null}
 */
export function causeOf(causes, failure, workflow) {
  const alike = causes.filter((cause) => cause.type === failure.type && (cause.workflow === workflow || cause.workflows.includes(workflow)));
  return alike.find((cause) => fits(cause, failure.message)) ?? null;
}

/** @param {Cause} cause @param {string} message */
function fits(cause, message) {
  const pattern = cause.message.map((part) => ("text" in part ? part.text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") : "[\\s\\S]*?")).join("");
  return new RegExp(`^${pattern.replace(/…$/, "[\\s\\S]*")}$`, "u").test(message);
}

/**
 * The list of those runs, as a query of the runs page.
 * @param {Cause} cause
 */
export function listed(cause) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(cause.filter)) {
    for (const each of Array.isArray(value) ? value : [value]) if (each !== null && typeof each !== "object") query.append(name, String(each));
  }
  return `/runs?${query}`;
}
