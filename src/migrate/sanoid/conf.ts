/**
 * sanoid.conf: sections of datasets and templates, and what applies to each dataset in the end. Not an ini library's job:
 * section names are dataset names, in which dots mean nothing. Pure.
 */
import { UsageError } from "../../errors.ts";

type Settings = ReadonlyMap<string, string>;

interface Section {
  readonly name: string;
  readonly line: number;
  readonly settings: Settings;
}

/** What matters of sanoid.defaults.conf. */
const DEFAULTS: Settings = new Map(
  Object.entries({
    ...{ autosnap: "yes", autoprune: "yes", frequent_period: "15", frequently: "0" },
    ...{ hourly: "48", daily: "90", weekly: "0", monthly: "6", yearly: "0" },
    ...{ hourly_min: "0", daily_hour: "23", daily_min: "59", weekly_wday: "1", weekly_hour: "23", weekly_min: "30" },
    ...{ monthly_mday: "1", monthly_hour: "0", monthly_min: "0" },
    ...{ yearly_mon: "1", yearly_mday: "1", yearly_hour: "0", yearly_min: "0" },
  }),
);

/** Settings of a dataset, not of a policy. */
const PLACEMENT = new Set(["path", "use_template", "recursive", "process_children_only"]);

export interface SanoidDataset {
  readonly dataset: string;
  readonly recursive: "no" | "yes" | "zfs";
  /** The dataset itself is left out. */
  readonly childrenOnly: boolean;
  readonly templates: readonly string[];
  /** Whether it has settings beside those of its templates. */
  readonly overrides: boolean;
  readonly policy: Policy;
}

/** All settings in force, sanoid's defaults included. */
export interface Policy {
  readonly settings: Settings;
  /** Of them, `key = value` of those that have no counterpart. */
  readonly unsupported: readonly string[];
}

/** @throws {UsageError} with file and line */
export function readSanoidConf(text: string, file: string): SanoidDataset[] {
  const sections = parseSections(text, file);
  const templates = new Map<string, Settings>();
  for (const { name, settings } of sections)
    if (name.startsWith("template_")) templates.set(name.slice("template_".length), settings);
  return sections
    .filter(({ name }) => !name.startsWith("template_"))
    .map((section) => toDataset(section, templates, file));
}

function parseSections(text: string, file: string): Section[] {
  const sections: { name: string; line: number; settings: Map<string, string> }[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.replace(/(^|\s)[#;].*$/, "").trim();
    const bad = (why: string) => new UsageError(`${file}:${index + 1}: ${why}: ${JSON.stringify(raw.trim())}`);
    if (line === "") continue;
    const name = /^\[\s*(.+?)\s*\]$/.exec(line)?.[1];
    if (name !== undefined) {
      if (sections.some((section) => section.name === name)) throw bad("the section is there twice");
      sections.push({ name, line: index + 1, settings: new Map() });
      continue;
    }
    const [, key, value] = /^([^=]+?)\s*=\s*(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) throw bad("neither [section] nor key = value");
    const section = sections.at(-1);
    if (section === undefined) throw bad("there is no section above it");
    section.settings.set(key, value);
  }
  return sections;
}

function toDataset(section: Section, all: ReadonlyMap<string, Settings>, file: string): SanoidDataset {
  const { name, line, settings } = section;
  const templates = (settings.get("use_template") ?? "")
    .split(",")
    .map((template) => template.trim())
    .filter(Boolean);
  const missing = templates.find((template) => !all.has(template));
  if (missing !== undefined)
    throw new UsageError(`${file}:${line}: [${name}] uses template_${missing}, which is not there`);
  const used = ["default", ...templates].map((template) => all.get(template) ?? new Map<string, string>());
  const given = new Map([...used, settings].flatMap((layer) => [...layer]));
  const recursive =
    given.get("recursive")?.toLowerCase() === "zfs" ? "zfs" : isTrue(given.get("recursive")) ? "yes" : "no";
  const effective = new Map([...DEFAULTS, ...given].filter(([key]) => !PLACEMENT.has(key)));
  for (const [key, value] of effective)
    if (DEFAULTS.has(key) && !key.startsWith("auto") && !/^\d+$/.test(value))
      throw new UsageError(`${file}:${line}: [${name}] has ${key} = ${JSON.stringify(value)}, which is not a number`);
  return {
    dataset: settings.get("path") || name,
    recursive,
    childrenOnly: isTrue(given.get("process_children_only")),
    templates,
    overrides: [...settings.keys()].some((key) => !PLACEMENT.has(key)),
    policy: {
      settings: new Map([...effective].filter(([key]) => DEFAULTS.has(key))),
      unsupported: [...effective].filter(([key]) => !DEFAULTS.has(key)).map(([key, value]) => `${key} = ${value}`),
    },
  };
}

export function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(1|true|yes|on)$/i.test(value);
}
