/** The output of a Nagios plug-in: one line, details, and performance data behind a bar (monitoring-plugins.org). Pure. */
import { formatDuration } from "../report/format.ts";
import type { CheckState, Finding, Metric } from "../report/status-events.ts";
import { clean } from "./words.ts";

/** Worst first: what can't be told might be critical. */
const STATES: readonly CheckState[] = ["CRITICAL", "UNKNOWN", "WARNING", "OK"];

const EXIT_CODES = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const;

/** More details than this are of no use in a mail. */
const MAX_DETAILS = 50;

export interface NagiosResult {
  readonly state: CheckState;
  readonly exitCode: 0 | 1 | 2 | 3;
  readonly text: string;
}

export function renderNagios(findings: readonly Finding[], metrics: readonly Metric[]): NagiosResult {
  const sorted = [...findings].sort((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state));
  const [worst] = sorted;
  const state = worst?.state ?? "OK";
  const others = sorted.length > 1 ? `; ${sorted.length - 1} more` : "";
  const head = worst === undefined ? `OK: ${goodNews(metrics)}` : `${state}: ${findingText(worst)}${others}`;
  const details =
    sorted.length > 1 ? sorted.slice(0, MAX_DETAILS).map((finding) => `${finding.state}: ${findingText(finding)}`) : [];
  const more = sorted.length > MAX_DETAILS ? [`… and ${sorted.length - MAX_DETAILS} more`] : [];
  const data = metrics.length === 0 ? "" : ` | ${metrics.map(perfdata).join(" ")}`;
  return {
    state,
    exitCode: EXIT_CODES[state],
    text: [plain(head) + data, ...[...details, ...more].map(plain)].join("\n"),
  };
}

/** What comes behind a bar would be taken for performance data. */
function plain(text: string): string {
  return clean(text).replaceAll("|", "/");
}

function findingText({ job, filesystem, message }: Finding): string {
  return filesystem === undefined ? `${job}: ${message}` : `${job}: ${filesystem}: ${message}`;
}

function goodNews(metrics: readonly Metric[]): string {
  return metrics.map(({ label, value, unit }) => `${label} ${unit === "s" ? formatDuration(value) : value}`).join(", ");
}

/** `'label'=value[unit];[warn];[crit];[min];[max]` */
function perfdata({ label, value, unit, warn, crit }: Metric): string {
  const quoted = `'${label.replaceAll("'", "''").replaceAll("=", "_")}'`;
  return `${quoted}=${value}${unit};${warn ?? ""};${crit ?? ""};0;`;
}
