/** `test placeholder`: which filesystems exist only to hold others (zrepl-behaviour.md §7.5). */
import { FailedError } from "../errors.ts";
import { PLACEHOLDER_PROPERTY } from "../zfs/abstraction.ts";
import { listLocalProperty, listProperty } from "../zfs/list.ts";
import { isPlaceholderValue } from "../zfs/placeholder.ts";
import type { Runner } from "../zfs/runner.ts";

/** All filesystems, or one. @throws {FailedError} if that one does not exist */
export async function tryPlaceholder(runner: Runner, dataset: string | undefined): Promise<string[]> {
  const roots = dataset === undefined ? [] : [dataset];
  const existing = [...(await listProperty(runner, "type", roots)).keys()];
  if (dataset !== undefined && !existing.includes(dataset))
    throw new FailedError(`filesystem ${JSON.stringify(dataset)} does not exist`);
  const values = existing.length === 0 ? new Map() : await listLocalProperty(runner, PLACEHOLDER_PROPERTY, roots);
  const names = dataset === undefined ? existing : [dataset];
  const lines = names.map((name) => {
    const value: string | undefined = values.get(name);
    return `${isPlaceholderValue(name, value) ? "yes" : "no"}\t${name}\t${value ?? ""}`;
  });
  return [`IS_PLACEHOLDER\tDATASET\t${PLACEHOLDER_PROPERTY}`, ...lines];
}
