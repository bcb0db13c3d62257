/** `test filesystems`: which filesystems a job selects, and which rule decided. */
import type { FilesystemFilter, PropertyCondition } from "../config/config.ts";
import { hasProperty } from "../endpoint/select.ts";
import { listProperty } from "../zfs/list.ts";
import { filesystemNameProblem } from "../zfs/name.ts";
import type { Runner } from "../zfs/runner.ts";

export interface Verdict {
  readonly accepted: boolean;
  /** The rule that decided, for a person. */
  readonly rule: string;
}

/** @param value of the property of `filter.byProperty`; undefined = not set, or not known */
export function judgeFilesystem(filter: FilesystemFilter, filesystem: string, value: string | undefined): Verdict {
  const rule = decidingPattern(filter, filesystem);
  if (rule === undefined) return { accepted: false, rule: "no pattern matches" };
  const [pattern, included] = rule;
  if (!included) return { accepted: false, rule: `filesystems: ${JSON.stringify(pattern)}: false` };
  const exclude = filter.excludes?.find((regex) => regex.test(filesystem));
  if (exclude !== undefined) return { accepted: false, rule: `filesystems_exclude: ${exclude.source}` };
  const matched = `filesystems: ${JSON.stringify(pattern)}: true`;
  if (filter.byProperty === undefined) return { accepted: true, rule: matched };
  const property = describeProperty(filter.byProperty, value);
  const accepted = hasProperty(filter.byProperty, value);
  return { accepted, rule: accepted ? `${matched}, ${property}` : property };
}

function describeProperty({ property }: PropertyCondition, value: string | undefined): string {
  return `filesystems_by_property: ${property}${value === undefined ? " is not set" : `=${value}`}`;
}

/** An exact pattern, else the longest subtree (§2.10). */
function decidingPattern({ rules }: FilesystemFilter, filesystem: string): readonly [string, boolean] | undefined {
  const exact = rules.get(filesystem);
  if (exact !== undefined) return [filesystem, exact];
  let best: readonly [string, boolean] | undefined;
  for (const [pattern, included] of rules) {
    if (!pattern.endsWith("<")) continue;
    const path = pattern.slice(0, -1);
    const contains = path === "" || path === filesystem || filesystem.startsWith(`${path}/`);
    if (contains && (best === undefined || pattern.length > best[0].length)) best = [pattern, included];
  }
  return best;
}

/**
 * All filesystems of this host, or only `input`, in zrepl's format with the rule in the third column: `ACCEPT\tFS\tRULE`. Only
 * `--all`, or a filter by property, asks ZFS.
 */
export async function tryFilter(
  runner: Runner,
  filter: FilesystemFilter,
  input: string | undefined,
): Promise<string[]> {
  if (input !== undefined) {
    const problem = filesystemNameProblem(input);
    if (problem !== undefined) return [`ERROR\t${input}\tthe name ${problem}`];
  }
  const values =
    filter.byProperty === undefined
      ? new Map<string, string>()
      : await listProperty(runner, filter.byProperty.property, input === undefined ? [] : [input]);
  const names = input === undefined ? await listNames(runner) : [input];
  return names.map((name) => {
    const { accepted, rule } = judgeFilesystem(filter, name, values.get(name));
    return `${accepted ? "ACCEPT" : "REJECT"}\t${name}\t${rule}`;
  });
}

async function listNames(runner: Runner): Promise<string[]> {
  return [...(await listProperty(runner, "type", [])).keys()];
}
