/** From sanoid's policies to snap jobs, as lines of YAML with comments. Pure. */
import { isBelow } from "../../zfs/name.ts";
import { isTrue, type Policy, type SanoidDataset } from "./conf.ts";

/** sanoid's own prefix: what it took is thinned out together with what zrepl-run takes. */
const PREFIX = "autosnap_";

export function snapJobLines(datasets: readonly SanoidDataset[], names: (wanted: string) => string): string[] {
  const lines: string[] = [];
  const ignored = new Set<SanoidDataset>();
  for (const each of datasets) {
    const above = datasets.find(({ recursive, dataset }) => recursive === "zfs" && isBelow(each.dataset, dataset));
    if (above === undefined) continue;
    ignored.add(each);
    lines.push(
      `  # [${each.dataset}] is left out, as sanoid does: it is below [${above.dataset}], which has recursive = zfs`,
    );
  }
  const used = datasets.filter((each) => !ignored.has(each));
  const groups = new Map<string, SanoidDataset[]>();
  for (const each of used) {
    const key = JSON.stringify([[...each.policy.settings].sort(), [...each.policy.unsupported].sort()]);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  for (const group of groups.values()) lines.push(...jobOf(group, used, names));
  return lines;
}

function jobOf(
  group: readonly SanoidDataset[],
  all: readonly SanoidDataset[],
  names: (wanted: string) => string,
): string[] {
  const [first] = group;
  if (first === undefined) return [];
  const { policy } = first;
  const [snaps, prunes] = [isTrue(policy.settings.get("autosnap")), isTrue(policy.settings.get("autoprune"))];
  const sections = group.map(({ dataset }) => `[${dataset}]`).join(", ");
  if (!snaps && !prunes) return [`  # ${sections}: neither autosnap nor autoprune, so there is no job for it`, ""];
  const template = group.every(({ templates, overrides }) => !overrides && templates[0] === first.templates[0]);
  const name = names((template ? first.templates[0] : undefined) ?? first.dataset.replaceAll("/", "_"));
  return [
    `  # ${sections}`,
    ...policy.unsupported.map(explainUnsupported),
    ...group.filter(({ recursive }) => recursive === "zfs").map(explainAtomic),
    "  - type: snap",
    `    name: ${JSON.stringify(name)}`,
    "    filesystems:",
    ...[...filterOf(group, all)].map(([pattern, included]) => `      ${JSON.stringify(pattern)}: ${included}`),
    ...snapshottingLines(policy, snaps),
    "    pruning:",
    "      keep:",
    ...keepLines(policy, prunes),
    "",
  ];
}

function explainUnsupported(setting: string): string {
  const [key = ""] = setting.split(" ");
  if (key === "pre_snapshot_script" || key === "post_snapshot_script")
    return `  # not carried over: ${setting} (snapshotting.hooks can run it; it gets ZREPL_… variables instead of SANOID_…)`;
  if (/^monitor|_(warn|crit)$/.test(key)) return `  # not carried over: ${setting} (see zrepl-run monitor)`;
  return `  # not carried over: ${setting}`;
}

function explainAtomic({ dataset }: SanoidDataset): string {
  return `  # ${dataset} had recursive = zfs: all snapshots of one run of zrepl-run in one pool are taken together, too`;
}

/** Everything of the group, without what other sections take out of its subtrees. */
function filterOf(group: readonly SanoidDataset[], all: readonly SanoidDataset[]): Map<string, boolean> {
  const filter = new Map<string, boolean>();
  for (const { dataset, recursive, childrenOnly } of group) {
    const isTree = recursive !== "no" || childrenOnly;
    filter.set(isTree ? `${dataset}<` : dataset, true);
    if (childrenOnly) filter.set(dataset, false);
  }
  const trees = group.filter(({ recursive, childrenOnly }) => recursive !== "no" || childrenOnly);
  for (const { dataset, recursive, childrenOnly } of all.filter((each) => !group.includes(each))) {
    if (!trees.some((tree) => isBelow(dataset, tree.dataset))) continue;
    filter.set(recursive !== "no" || childrenOnly ? `${dataset}<` : dataset, false);
  }
  return filter;
}

function snapshottingLines({ settings }: Policy, snaps: boolean): string[] {
  const cron = snaps ? schedule(settings) : undefined;
  if (cron === undefined) return ["    snapshotting: {type: manual}   # sanoid took none"];
  return [
    "    snapshotting:",
    "      type: cron",
    `      cron: ${JSON.stringify(cron.expression)}   # the finest that sanoid took: ${cron.type}; the others are chosen among these`,
    `      prefix: ${PREFIX}`,
    "      timestamp_format: human",
  ];
}

/** When the finest kind of snapshot that is kept at all is taken. */
function schedule(settings: Policy["settings"]): { readonly type: string; readonly expression: string } | undefined {
  const at = (key: string) => Number(settings.get(key) ?? 0);
  const times: [string, string][] = [
    ["frequently", `*/${at("frequent_period")} * * * *`],
    ["hourly", `${at("hourly_min")} * * * *`],
    ["daily", `${at("daily_min")} ${at("daily_hour")} * * *`],
    ["weekly", `${at("weekly_min")} ${at("weekly_hour")} * * ${at("weekly_wday") % 7}`],
    ["monthly", `${at("monthly_min")} ${at("monthly_hour")} ${at("monthly_mday")} * *`],
    ["yearly", `${at("yearly_min")} ${at("yearly_hour")} ${at("yearly_mday")} ${at("yearly_mon")} *`],
  ];
  const [type, expression] = times.find(([key]) => at(key) > 0) ?? [];
  return type === undefined || expression === undefined ? undefined : { type, expression };
}

function keepLines({ settings }: Policy, prunes: boolean): string[] {
  if (!prunes) return ['        - {type: regex, regex: ".*"}   # autoprune was off: nothing is destroyed'];
  const regex = JSON.stringify(`^${PREFIX}`);
  const counts = ["hourly", "daily", "weekly", "monthly", "yearly"]
    .map((key) => [key, Number(settings.get(key) ?? 0)] as const)
    .filter(([, count]) => count > 0);
  const frequently = Number(settings.get("frequently") ?? 0);
  const calendar = counts.map(([key, count]) => `${key}: ${count}, `).join("");
  return [
    ...(frequently > 0 ? [`        - {type: last_n, count: ${frequently}, regex: ${regex}}   # frequently`] : []),
    ...(counts.length > 0 ? [`        - {type: calendar, ${calendar}location: Local, regex: ${regex}}`] : []),
    `        - {type: regex, regex: ${regex}, negate: true}   # all that sanoid did not take`,
  ];
}
